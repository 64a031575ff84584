"""``python -m workloads.data VERB MODULE SETTINGS ROOT``: works on one data set and says how it goes, in JSON lines.

Verbs: ``ensure`` (make a stand-in that is missing, then check), ``verify`` (compare checksums), ``info``.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from workloads.runtime.errors import DatasetError

REPORT_SECONDS = 0.2


def say(message: dict[str, Any]) -> None:
    """One line for whoever started this process."""
    print(json.dumps(message), flush=True)


class Reporter:
    """Passes progress on, not too often."""

    def __init__(self) -> None:
        self.last = 0.0

    def __call__(self, done: int, total: int) -> None:
        """So many of so many are done."""
        if done >= total or time.monotonic() > self.last + REPORT_SECONDS:
            self.last = time.monotonic()
            say({"done": done, "total": total})


def work(verb: str, module: Any, settings: dict[str, Any], root: Path) -> dict[str, Any]:
    """Do it; returns what there is to say of the data set. Raises DatasetError, OSError."""
    folder = root / module.folder_name(settings)
    if verb == "ensure" and settings["source"] == "stand-in" and not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        module.synthesise(folder, settings, Reporter(), workers=len(os.sched_getaffinity(0)))
    return {**module.verify(folder, settings, thorough=verb == "verify"), "folder": str(folder)}


def main(arguments: list[str]) -> int:
    """1 and a message if the data set is not fit for use."""
    verb, module_name, settings, root = arguments
    try:
        say(work(verb, importlib.import_module(module_name), json.loads(settings), Path(root)))
    except (DatasetError, OSError) as error:
        say({"error": str(error)})
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
