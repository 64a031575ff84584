"""An empty folder in place of a data set."""

from __future__ import annotations

from pathlib import Path

from workloads.runtime.dataset import Dataset, Progress


class EmptyDataset(Dataset):
    """Nothing to read."""

    NAME = "noop"

    @property
    def folder_name(self) -> str:
        """Always the same."""
        return "noop"

    def synthesise(self, folder: Path, progress: Progress, workers: int) -> None:
        """Make the folder."""
        folder.mkdir(parents=True, exist_ok=True)

    def verify(self, folder: Path, thorough: bool) -> dict[str, object]:
        """Return an empty description."""
        return {"name": "noop", "source": "stand-in", "split": "none", "version": "1", "checksum": "none"}
