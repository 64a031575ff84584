"""What is mutated: a campaign, its store, an export, a data set and an acceptance's record, made once and copied."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from made import made_campaign, made_record

from orchestrator import __main__ as program
from workloads.em_denoise.dataset import EmDenoiseDataset

PRECIOUS = "precious, and somebody else's"
DATASET = {
    "source": "stand-in", "version": "1", "split": "test", "preset": "tiny", "seed": 3, "pixels": 16,
    "training_images": 6, "evaluation_images": 2, "inference_images": 2,
}  # fmt: skip


@dataclass
class Place:
    """A working copy of what is mutated, with somebody else's files beside it."""

    folder: Path
    kept: Path

    @property
    def results(self) -> Path:
        """The results folder."""
        return self.folder / "results"

    @property
    def outside(self) -> Path:
        """A folder that nothing may write to."""
        return self.folder / "outside"

    def restore(self, part: str) -> None:
        """Have a folder as it was, and all that is beside; what is in the others no verb writes to."""
        for path in self.folder.iterdir():
            if path.name in {one.name for one in self.kept.iterdir()} - {part, "outside"}:
                continue
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for name in (part, "outside"):
            shutil.copytree(self.kept / name, self.folder / name, symlinks=True)

    def untouched(self) -> bool:
        """Whether nothing was written outside of what a verb may write to."""
        found = {path.name: path.read_text() for path in self.outside.iterdir()}
        there = {path.name for path in self.folder.iterdir()}
        return found == {"precious.txt": PRECIOUS} and there <= {
            "results",
            "outside",
            "accept",
            "data",
            "out",
            "out.parquet",
            "scratch",
        }


def make_kept(folder: Path) -> Path:
    """Make what is mutated, once."""
    kept = folder / "work"
    results = kept / "results"
    results.mkdir(parents=True)
    campaign = made_campaign(results)
    (kept / "outside").mkdir()
    (kept / "outside" / "precious.txt").write_text(PRECIOUS)
    with (
        contextlib.redirect_stdout(io.StringIO()),
        inside(kept),
    ):
        assert program.main(["collect", "c", f"results={results}"]) == 0
        assert program.main(["store", "export", str(kept / "results" / "all.parquet"), f"results={results}"]) == 0
        made_record(kept / "accept", campaign)
    EmDenoiseDataset(DATASET).synthesise(kept / "data" / EmDenoiseDataset(DATASET).folder_name, lambda a, b: None, 1)
    return Path(shutil.copytree(kept, folder / "kept", symlinks=True))


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Be in a folder within the context."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
