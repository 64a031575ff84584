"""Files that reports take from a run's folder: only where that folder is the run's.

A row of a store that others write to, or of an imported file, may name any folder, and a folder may hold links. What is
copied into a report, which is given on, is therefore a plain file in a folder whose manifest says that it is this run.
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.records import AttemptDirectory, RecordError, RunDirectory, read_json, read_plain

PNG = b"\x89PNG\r\n\x1a\n"


def own_attempt(directory: str, campaign: str, run: str, attempts: int) -> AttemptDirectory | None:
    """Return the last attempt's folder of a stored run; None if the folder that its row names is not the run's."""
    folder = RunDirectory(Path(directory))
    attempt = folder.attempt(attempts)
    if attempts < 1 or attempt.path.is_symlink():
        return None
    try:
        planned = read_json(folder.manifest).get("spec")
    except RecordError:
        return None
    names = (planned.get("campaign"), planned.get("run")) if isinstance(planned, dict) else None
    return attempt if names == (campaign, run) else None


def read_picture(path: Path) -> bytes | None:
    """Return the content of a picture; None if there is none or it is something else."""
    try:
        content = read_plain(path)
    except RecordError:
        return None
    return content if content.startswith(PNG) else None
