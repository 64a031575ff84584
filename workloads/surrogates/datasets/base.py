"""What the data sets of fields share: pairs of functions on a regular grid, and the same pairs on other grids."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.records.checking import Positive
from workloads.runtime.dataset import ConsolidatedDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.consolidated import PARTS, Description, Field
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


class FieldsDescription(Description):
    """``set`` is the data set's own name. ``made`` says where its fields come from: "published" or "simulated".

    ``input_shape`` and ``target_shape``: channels, and points along each axis of what is trained on. ``periodic``:
    whether opposite sides are one; else both edges are among the points. ``means`` and ``deviations`` of the training
    part: of the input, and of the target. ``rolls``: steps into the future, one a channel of the target; 0 where time
    is no matter. ``conserves``: whether the mean over the domain stays the same.
    """

    set: str
    made: str
    input_shape: list[Positive]
    target_shape: list[Positive]
    periodic: bool
    means: list[float]
    deviations: list[float]
    rolls: int
    conserves: bool


@dataclass(frozen=True)
class Source:
    """A part's pairs on the finest grid: (n, c, *points) inputs and targets, from ``first`` on to ``stop``."""

    inputs: Variable
    targets: Variable
    first: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.first


class FieldsDataset(ConsolidatedDataset):
    """Samples of an "input" (c, *points) and its "target" (d, *points), float32. Evaluation samples have both on other
    grids, too, as "input_31" and "target_31" and so on.
    """

    NAME = "surrogates"
    DESCRIBED_BY = FieldsDescription
    SPLITS = SPLITS
    SET: ClassVar[str]
    """The data set's own name."""
    AXES: ClassVar[int]
    """Of a field."""
    PERIODIC: ClassVar[bool]
    """Whether opposite sides of the domain are one."""
    CONSERVES: ClassVar[bool] = False
    """Whether the mean over the domain stays the same."""
    SHARED: ClassVar[tuple[str, ...]] = (
        "source", "version", "split", "grid", "evaluation_grids", "samples", "evaluation_samples",
    )  # fmt: skip
    """Settings that all data depend on."""
    MADE_OF: ClassVar[tuple[str, ...]] = ()
    """Settings that data made here alone depend on, besides."""

    @property
    def made_of(self) -> dict[str, object]:
        """All settings that the data depend on."""
        own = ("seed", "solver_grid", *self.MADE_OF)
        return {key: self.settings[key] for key in (*self.SHARED, *(own if self.is_stand_in else ()))}

    @property
    def folder_name(self) -> str:
        """Such as "surrogates/darcy-stand-in-simulated-1-small-seed1-ab12cd34"."""
        settings = self.settings
        made = str(settings["version"])
        if self.is_stand_in:
            made += f"-{settings['preset']}-seed{settings['seed']}"
        return f"{self.NAME}/{self.SET}-{settings['source']}-{made}-{consolidated.settings_digest(self.made_of)}"

    @property
    def channels(self) -> tuple[int, int]:
        """Of the input and of the target."""
        return 1, 1

    @property
    def rolls(self) -> int:
        """Steps into the future that the target's channels are; 0: time is no matter."""
        return 0

    @property
    def grid(self) -> int:
        """Points along each axis of what is trained on."""
        return int(self.settings["grid"])

    @property
    def evaluation_grids(self) -> list[int]:
        """Those of what quality is measured on besides."""
        return [int(points) for points in self.settings["evaluation_grids"] if points != self.grid]

    def fields_on(self, points: int, suffix: str = "") -> dict[str, Field]:
        """The arrays of a sample on a grid."""
        names = (f"input{suffix}", f"target{suffix}")
        return {
            name: Field((count, *(points,) * self.AXES), "float32")
            for name, count in zip(names, self.channels, strict=True)
        }

    @property
    def fields(self) -> dict[str, Field]:
        """What is trained on."""
        return self.fields_on(self.grid)

    @property
    def evaluation_fields(self) -> dict[str, Field]:
        """What quality is measured on."""
        found = self.fields
        for points in self.evaluation_grids:
            found |= self.fields_on(points, f"_{points}")
        return found

    @property
    def part_sizes(self) -> dict[str, int]:
        """Samples of the published parts that are taken: the first ones of training, the last ones of evaluation."""
        return {"training": int(self.settings["samples"]), "evaluation": int(self.settings["evaluation_samples"])}

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All samples are simulated, and all are converted; of "validation" only those of training."""
        made = sum(self.part_sizes.values())
        return made, made if self.settings["split"] == "test" else self.part_sizes["training"]

    @property
    def stand_in_bytes(self) -> float:
        """As simulated, and as much again."""
        return 8.0 * sum(self.stand_in_counts) * sum(self.channels) * float(self.settings["solver_grid"]) ** self.AXES

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

    def to_channels(self, inputs: Floats, targets: Floats) -> tuple[Floats, Floats]:
        """Published samples (n, …) as (n, c, *points)."""
        return inputs[:, None], targets[:, None]

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
        """The pairs of both parts: of "test" as published, of "validation" all from the training part."""
        if self.settings["split"] == "test":
            return {part: self.source(published, part) for part in PARTS}
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
        """Pairs (n, c, *points) on the finest grid. Raises DatasetError."""
        found = source.inputs.rows(first, stop)
        same = source.targets is source.inputs
        inputs, targets = self.to_channels(found, found if same else source.targets.rows(first, stop))
        for values, variable, count in zip(
            (inputs, targets), (source.inputs, source.targets), self.channels, strict=True
        ):
            square = values.shape[2:] == (values.shape[-1],) * self.AXES and inputs.shape[2:] == targets.shape[2:]
            if not square or values.shape[1] < count:
                raise DatasetError(
                    f"{variable.path}: {variable.key!r} gives fields {values.shape[1:]}; expected {count} channels "
                    f"or more on {self.AXES} equal axes, the same for inputs and targets"
                )
        return inputs[:, : self.channels[0]], targets[:, : self.channels[1]]

    def stride(self, finest: int, points: int) -> int:
        """Every which of the finest grid's points a grid has. Raises DatasetError."""
        whole, part = (finest, points) if self.PERIODIC else (finest - 1, points - 1)
        if points > finest or whole % part:
            fitting = [whole // every + (not self.PERIODIC) for every in range(1, whole // 4) if whole % every == 0]
            raise DatasetError(
                f"dataset.grid or dataset.evaluation_grids has {points}, which is no part of a grid of {finest}; "
                f"there are {', '.join(map(str, fitting))}"
            )
        return whole // part

    def on_grid(self, fields: Floats, points: int) -> Floats:
        """Fields (n, c, *finest) at the points of a coarser grid."""
        every = self.stride(fields.shape[-1], points)
        chosen = (slice(None), slice(None)) + (slice(None, None, every),) * self.AXES
        return np.ascontiguousarray(fields[chosen])

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
                    inputs, targets = self.read(source, first, stop)
                    arrays = self.pairs(inputs, targets, "")
                    if part == "training":
                        sums += [moments(arrays["input"]), moments(arrays["target"])]
                    else:
                        for points in self.evaluation_grids:
                            arrays |= self.pairs(inputs, targets, f"_{points}")
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
                means=means.tolist(),
                deviations=deviations.tolist(),
                rolls=self.rolls,
                conserves=self.CONSERVES,
            )

    def pairs(self, inputs: Floats, targets: Floats, suffix: str) -> dict[str, Floats]:
        """Pairs of the finest grid on the grid of a suffix, "" or "_31"."""
        points = int(suffix[1:] or self.grid)
        return {f"input{suffix}": self.on_grid(inputs, points), f"target{suffix}": self.on_grid(targets, points)}

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


def chunks(source: Source) -> Iterator[tuple[int, int]]:
    """The source's samples, CHUNK at a time."""
    for first in range(source.first, source.stop, CHUNK):
        yield first, min(first + CHUNK, source.stop)


def moments(values: Floats) -> NDArray[np.float64]:
    """Number, sum and sum of squares of all values, (3,)."""
    exact = values.astype(np.float64)
    return np.array([exact.size, exact.sum(), np.square(exact).sum()])
