"""What submits runs of a campaign and what cancels them take turns, so that neither decides on what is out of date."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.launch.base import Run
from orchestrator.launch.manifests import read_manifest
from orchestrator.records import Failure, one_at_a_time, read_record_if_whole


@contextmanager
def decisions(campaign: Path) -> Iterator[None]:
    """Within the context no other process submits or cancels runs of the campaign in that folder; one that does is
    waited for. On a file system without locks two orchestrators are the user's own care. Raises OSError.
    """
    with one_at_a_time(campaign / ".decisions", lambda holder: None, every=0.1):
        yield


def refresh(run: Run) -> None:
    """Take over what another process has written into the run's manifest meanwhile."""
    directory, manifest = run
    vars(manifest).update(vars(read_manifest(directory)))


def is_cancelled(run: Run) -> bool:
    """Whether somebody has cancelled the run for good, whatever this process knows of it."""
    directory, manifest = run
    failure = read_record_if_whole(directory.attempt(max(1, manifest.attempts)).failure, Failure)
    return failure is not None and failure["state"] == "cancelled" and "requeue" not in failure
