"""What the data sets of surrogates share that are made of pairs: what a simulation is asked, and what it answers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.records.checking import Positive
from workloads.runtime.dataset import FamilyDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import PARTS, Description
from workloads.runtime.samples.parallel import map_in_threads
from workloads.runtime.samples.writer import Writer
from workloads.surrogates.config import SPLITS
from workloads.surrogates.datasets.variables import MatlabWriter, Variable
from workloads.surrogates.solvers.errors import SolverError

CHUNK = 16
"""Samples that are simulated, or read, at once."""
ONE_OF = 5
"""Of the training samples "validation" keeps the last part of so many apart."""
Floats = NDArray[np.float32]


class PairsDescription(Description):
    """``set`` is the data set's own name. ``made`` says where its fields come from: "published" or "simulated".

    ``input_shape`` and ``target_shape``: channels, and points along each axis of what is trained on; of numbers that
    are no field, how many they are. ``periodic``: whether opposite sides are one. ``both_ends``: whether both ends of
    an axis are among its points; else the far one is not, and there are as many points as spaces between them.
    ``means`` and ``deviations`` of the training part: of the input, and of the target. ``rolls``: steps into the
    future, one a channel of the target; 0 where time is no matter. ``conserves``: whether the mean over the domain
    stays the same.
    """

    set: str
    made: str
    input_shape: list[Positive]
    target_shape: list[Positive]
    periodic: bool
    both_ends: bool
    means: list[float]
    deviations: list[float]
    rolls: int
    conserves: bool


@dataclass(frozen=True)
class Source:
    """A part's inputs and targets as they are published, from the sample ``first`` on to ``stop``."""

    inputs: Variable
    targets: Variable
    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first


class PairsDataset(FamilyDataset):
    """Samples of an "input" and its "target", float32; evaluation samples may have more."""

    NAME = "surrogates"
    DESCRIBED_BY = PairsDescription
    SPLITS = SPLITS
    PERIODIC: ClassVar[bool] = False
    """Whether opposite sides of the domain are one."""
    CONSERVES: ClassVar[bool] = False
    """Whether the mean over the domain stays the same."""
    SHARED: ClassVar[tuple[str, ...]] = ("source", "version", "split", "samples", "evaluation_samples")
    MADE_OF: ClassVar[tuple[str, ...]] = ("seed",)

    @property
    def both_ends(self) -> bool:
        """Whether both ends of an axis are among its points: on a circle they would be one point, twice."""
        return not self.PERIODIC

    @property
    def rolls(self) -> int:
        """Steps into the future that the target's channels are; 0: time is no matter."""
        return 0

    @property
    def part_sizes(self) -> dict[str, int]:
        """Samples of the published parts that are taken: the first ones of training, the last ones of evaluation."""
        return {"training": int(self.settings["samples"]), "evaluation": int(self.settings["evaluation_samples"])}

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All samples are simulated, and all are converted; of "validation" only those of training."""
        made = sum(self.part_sizes.values())
        return made, made if self.settings["split"] == "test" else self.part_sizes["training"]

    # What a data set says of itself.

    @abstractmethod
    def simulate(self, random: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
        """Simulate ``count`` samples: arrays (count, …) by their published names."""

    @property
    @abstractmethod
    def published_shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of a sample's published arrays, as they are made here."""

    @abstractmethod
    def published_file(self, part: str) -> str:
        """Name of a part's file, as it is made here; both parts may be in one, training first."""

    @abstractmethod
    def open_pair(self, published: Path, part: str) -> tuple[Variable, Variable]:
        """A published part's inputs and targets. Raises DatasetError."""

    @abstractmethod
    def to_pairs(self, inputs: Floats, targets: Floats, source: Source) -> tuple[Floats, Floats]:
        """Published samples as inputs and targets, as fine as they are. Raises DatasetError."""

    @abstractmethod
    def samples_of(self, part: str, inputs: Floats, targets: Floats) -> dict[str, Floats]:
        """The fields of a part's samples, of such pairs. Raises DatasetError."""

    # What follows from it.

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Simulate both parts, in threads: what takes time is Fourier transforms, which hold no lock."""
        sizes: dict[str, int] = {}
        for part, samples in self.part_sizes.items():
            sizes[self.published_file(part)] = sizes.get(self.published_file(part), 0) + samples
        done, total = 0, sum(sizes.values())
        for number, (name, samples) in enumerate(sizes.items()):
            shapes = {key: (samples, *shape) for key, shape in self.published_shapes.items()}
            spans = [(number, first, min(CHUNK, samples - first)) for first in range(0, samples, CHUNK)]
            with MatlabWriter(published / name, shapes, {"seed": int(self.settings["seed"])}) as writer:
                for span, made in zip(spans, map_in_threads(self.draw, spans, workers), strict=True):
                    writer.write(span[1], made)
                    done += span[2]
                    progress(done, total)

    def draw(self, span: tuple[int, int, int]) -> dict[str, NDArray[np.float64]]:
        """Samples by the number of their file, of the first one in it, and how many: they depend on nothing else.
        Raises DatasetError.
        """
        number, first, count = span
        try:
            return self.simulate(np.random.default_rng([int(self.settings["seed"]), number, first]), count)
        except SolverError as error:
            raise DatasetError(f"{self.SET} cannot be simulated: {error}") from error

    def sources(self, published: Path) -> dict[str, Source]:
        """The pairs of both parts: of "test" as published, of "validation" all from the training part. Raises
        DatasetError.
        """
        if self.settings["split"] == "test":
            found = {part: self.source(published, part) for part in PARTS}
            refuse_shared_samples(found["training"], found["evaluation"])
            return found
        whole = self.source(published, "training")
        apart = whole.stop - len(whole) // ONE_OF
        return {"training": replace(whole, stop=apart), "evaluation": replace(whole, first=apart)}

    def source(self, published: Path, part: str) -> Source:
        """The pairs of a published part that are taken. Raises DatasetError."""
        inputs, targets = self.open_pair(published, part)
        count, taken = inputs.shape[0], self.part_sizes[part]
        if targets.shape[0] != count:
            raise DatasetError(
                f"{inputs.path}: {inputs.key!r} has {count} samples, {targets.key!r} has {targets.shape[0]}"
            )
        option = "samples" if part == "training" else "evaluation_samples"
        if taken > count:
            raise DatasetError(f"{inputs.path} has {count} samples, dataset.{option} is {taken}; take fewer")
        first = count - taken if part == "evaluation" else 0
        return Source(inputs, targets, first, first + taken)

    def read(self, source: Source, first: int, stop: int) -> tuple[Floats, Floats]:
        """Inputs and targets, as fine as they are published. Raises DatasetError."""
        found = source.inputs.rows(first, stop)
        same = source.targets is source.inputs
        return self.to_pairs(found, found if same else source.targets.rows(first, stop), source)

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder."""
        provenance, sources = self.provenance, self.sources(published)
        counts = {part: len(source) for part, source in sources.items()}
        if min(counts.values()) == 0:
            raise DatasetError(f"{published} leaves a part without samples: {counts}; more are needed")
        writer = Writer(
            folder, provenance, self.fields, counts, self.made_of, progress=progress,
            evaluation_fields=self.evaluation_fields, workers=workers,
        )  # fmt: skip
        sums = np.zeros((2, 3))
        with writer:
            for part, source in sources.items():
                for first, stop in chunks(source):
                    arrays = self.samples_of(part, *self.read(source, first, stop))
                    if part == "training":
                        sums += [moments(arrays["input"]), moments(arrays["target"])]
                    writer.append(part, arrays)
            count, total, squares = sums.T
            means = total / count
            deviations = np.sqrt(np.maximum(squares / count - means**2, 1e-24))
            writer.extra.update(
                set=self.SET,
                made="simulated" if self.is_stand_in else "published",
                input_shape=list(self.fields["input"].shape),
                target_shape=list(self.fields["target"].shape),
                periodic=self.PERIODIC,
                both_ends=self.both_ends,
                means=means.tolist(),
                deviations=deviations.tolist(),
                rolls=self.rolls,
                conserves=self.CONSERVES,
            )

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Read all of it; counts of what is there. Raises DatasetError."""
        sources = self.sources(published)
        done, total = 0, sum(map(len, sources.values()))
        for source in sources.values():
            for first, stop in chunks(source):
                self.read(source, first, stop)
                done += stop - first
                progress(done, total)
        return {f"{part}_samples": len(source) for part, source in sources.items()}


def refuse_shared_samples(training: Source, evaluation: Source) -> None:
    """Raise DatasetError where both parts are of one array and a sample is in both."""
    one, other = training.inputs, evaluation.inputs
    if (one.path, one.key) == (other.path, other.key) and training.stop > evaluation.first:
        raise DatasetError(
            f"{one.path} has {one.shape[0]} samples; dataset.samples + dataset.evaluation_samples is "
            f"{len(training) + len(evaluation)}, so that some would be trained on and judged; take fewer"
        )


def chunks(source: Source) -> Iterator[tuple[int, int]]:
    """The source's samples, CHUNK at a time."""
    for first in range(source.first, source.stop, CHUNK):
        yield first, min(first + CHUNK, source.stop)


def moments(values: Floats) -> NDArray[np.float64]:
    """Number, sum and sum of squares of all values, (3,)."""
    exact = values.astype(np.float64)
    return np.array([exact.size, exact.sum(), np.square(exact).sum()])
