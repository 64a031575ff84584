"""The command line run for real, for tests that judge what it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]


@dataclass
class Answer:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        return document


Command = Callable[..., Answer]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}


def orchestrate(*words: str, cwd: Path, timeout: float = 300) -> Answer:
    """Run ``python -m orchestrator`` in a folder."""
    answer = subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=cwd,
        env=environment(),
    )
    return Answer(answer.returncode, answer.stdout, answer.stderr)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive that is kept here."""
    with tarfile.open(archive) as tar:
        # Pythons before 3.10.12 and 3.11.4 have no filters.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)


def eventually(holds: Callable[[], bool], seconds: float = 10, every: float = 0.05) -> bool:
    """Whether it holds within so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(every)
    return holds()
