"""The log of scheduled sweeps: one file for each, of which the newest are kept."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TextIO

from orchestrator.schedule.definition import Schedule


class Log:
    """Writes lines with the time to a file, made with the first line, and to stderr unless ``quiet``."""

    def __init__(self, schedule: Schedule, moment: datetime, quiet: bool) -> None:
        self.folder = schedule.folder / "log"
        self.path = self.folder / f"{moment:%Y%m%d-%H%M%S}.log"
        self.keep: int = schedule.settings["keep_logs"]
        self.quiet = quiet
        self.opened: TextIO | None = None

    @property
    def file(self) -> TextIO:
        """The file, opened at first use."""
        if self.opened is None:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.opened = self.path.open("a", encoding="utf-8")
        return self.opened

    def tell(self, text: str) -> None:
        """Write one line."""
        line = f"{datetime.now():%Y-%m-%d %H:%M:%S} {text}"
        print(line, file=self.file, flush=True)
        if not self.quiet:
            print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file, and delete the oldest logs beyond those to keep."""
        if self.opened is not None:
            if error is not None:
                self.tell(f"{kind.__name__ if kind else 'error'}: {error}")
            self.opened.close()
            delete_old_logs(self.folder, self.keep)


def delete_old_logs(folder: Path, keep: int) -> None:
    """Delete all but the newest ``keep`` logs. The outputs of jobs are counted by themselves."""
    for pattern in ("2*.log", "job-*.log"):
        logs = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
        for path in logs[: max(0, len(logs) - keep)]:
            path.unlink(missing_ok=True)
