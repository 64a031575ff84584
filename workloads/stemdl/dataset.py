"""The stemdl data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar

import h5py

from orchestrator.records.checking import Range
from workloads.runtime.dataset import ConsolidatedDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.consolidated import Description, Field
from workloads.stemdl import published_files, synthesis
from workloads.stemdl.formats import MATERIAL_TYPE, PROCESSED_SHAPE, SPACE_GROUPS
from workloads.stemdl.published_files import Consolidation

FIELDS = {
    "input": Field(PROCESSED_SHAPE, "float32"),
    "target": Field((), "int64"),
    "material": Field((), MATERIAL_TYPE),
}
"""Stacks as processed, 0 to 255; space groups, 1 to 230; what material it is, where known."""


class StemdlDescription(Description, total=False):
    """``classes``: the space groups that there are samples of."""

    classes: list[Annotated[int, Range(1, 230)]]


class StemdlDataset(ConsolidatedDataset):
    """Stacks of three diffraction patterns, each with its crystal's space group."""

    NAME = "stemdl"
    DESCRIBED_BY = StemdlDescription
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "stemdl_ds1": Published(
            "sciml-datasets/ms/stemdl_ds1",
            40_000_000_000,
            "187,155 stacks in npz files, simulated with NAMSA; by material",
        ),
        "stemdl_ds1a": Published(
            "sciml-datasets/ms/stemdl_ds1a", 35_400_000_000, "the same number of stacks, it seems dealt out at random"
        ),
    }
    """Sizes as sciml-bench's documentation and MLCommons' README give them."""
    SPLITS = ("material", "random")
    MADE_OF = ("source", "version", *synthesis.Recipe.__dataclass_fields__)
    fields = FIELDS

    @property
    def recipe(self) -> synthesis.Recipe:
        """The content of the stand-in. Raises DatasetError."""
        return synthesis.Recipe.of(self.settings)

    @property
    def published_variant(self) -> str:
        """Each split is a folder of its own."""
        return f"-{self.settings['split']}"

    @property
    def stand_in_variant(self) -> str:
        """Each split is a folder of its own, whose name says so."""
        return f"-{self.settings['split']}"

    def verify(self, folder: Path, thorough: bool) -> dict[str, object]:
        """Check it, its labels too, and say what it is; ``thorough`` compares every file's BLAKE3."""
        facts = super().verify(folder, thorough)
        for file in consolidated.read_description(folder)["files"]:
            with h5py.File(folder / file["name"], "r", locking=False) as opened:
                labels = opened["target"][()]
            wrong = labels[(labels < SPACE_GROUPS.start) | (labels >= SPACE_GROUPS.stop)]
            if len(wrong):
                raise DatasetError(
                    f"{folder / file['name']}: 'target' holds {wrong[0]}; expected space groups from 1 to 230"
                )
        return facts

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All samples."""
        samples = sum(synthesis.count_samples(self.recipe).values())
        return samples, samples

    @property
    def stand_in_bytes(self) -> float:
        """Without the published layout, which is not gone through."""
        return float(self.stand_in_counts[0] * sum(field.bytes for field in FIELDS.values()))

    def consolidation(self, folder: Path, counts: Mapping[str, int], progress: Progress, workers: int) -> Consolidation:
        """Takes so many samples of each part."""
        return Consolidation(folder, self.provenance, FIELDS, counts, self.made_of, progress, workers)

    def make_stand_in(self, folder: Path, progress: Progress, workers: int) -> None:
        """As simulated, file by file: a published file a sample would cost more than it shows."""
        recipe = self.recipe
        with self.consolidation(folder, synthesis.count_samples(recipe), progress, workers) as writer:
            for part, samples in synthesis.simulate_samples(recipe, workers):
                writer.add(part, samples)

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """The stand-in in the published layout, as processed files."""
        recipe = self.recipe
        done, total = 0, sum(synthesis.count_samples(recipe).values())
        for part, samples in synthesis.simulate_samples(recipe, workers):
            published_files.write_samples(published, part, done, samples)
            done += len(samples)
            progress(done, total)

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files, raw or processed, to the consolidated folder, with the published pre-processing."""
        parts = {part: published_files.list_pieces(published, part) for part in consolidated.PARTS}
        counts = {part: sum(piece.samples for piece in pieces) for part, pieces in parts.items()}
        with self.consolidation(folder, counts, progress, workers) as writer:
            writer.convert(parts)

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read; counts and sizes of what is there. Raises DatasetError."""
        parts = {part: published_files.list_pieces(published, part) for part in consolidated.PARTS}
        counts = {part: sum(piece.samples for piece in pieces) for part, pieces in parts.items()}
        classes: set[int] = set()
        done, total = 0, sum(counts.values())
        for pieces in parts.values():
            for piece in pieces:
                samples = piece.read()
                classes |= {sample.label for sample in samples}
                done += len(samples)
                progress(done, total)
        files = {path for pieces in parts.values() for piece in pieces for path in piece.paths}
        return {
            "training_samples": counts["training"],
            "evaluation_samples": counts["evaluation"],
            "space_groups": len(classes),
            "files": len(files),
            "bytes": sum(path.stat().st_size for path in files),
        }
