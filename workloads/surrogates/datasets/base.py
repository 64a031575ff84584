"""What the data sets of fields share: pairs of functions on a regular grid, and the same pairs on other grids."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import Field
from workloads.surrogates.datasets.pairs import Floats, PairsDataset, Source
from workloads.surrogates.datasets.variables import Variable, open_variable


class FieldsDataset(PairsDataset):
    """Samples of an "input" (c, *points) and its "target" (d, *points), float32. Evaluation samples have both on other
    grids, too, as "input_31" and "target_31" and so on.
    """

    AXES: ClassVar[int]
    """Of a field."""
    SHARED = (*PairsDataset.SHARED, "grid", "evaluation_grids")
    MADE_OF = (*PairsDataset.MADE_OF, "solver_grid")

    @property
    def channels(self) -> tuple[int, int]:
        """Of the input and of the target."""
        return 1, 1

    @property
    def finest(self) -> int:
        """Points along each axis of the finest grid that is wanted."""
        return max(self.grid, *self.evaluation_grids, 0)

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
    def stand_in_bytes(self) -> float:
        """As simulated, and as much again."""
        return 8.0 * sum(self.stand_in_counts) * sum(self.channels) * float(self.settings["solver_grid"]) ** self.AXES

    def open_torch_pair(
        self, published: Path, stem: str, part: str, dimensions: tuple[int, int]
    ) -> tuple[Variable, Variable]:
        """``x`` and ``y`` of neuraloperator's files, one for each part and grid, such as darcy_train_16.pt: of the
        evaluation that of the finest grid, of whose points the others are a part. Raises DatasetError.
        """
        name = f"{stem}_train_{self.grid}.pt" if part == "training" else f"{stem}_test_{self.finest}.pt"
        inputs, targets = (open_variable(published / name, *each) for each in zip("xy", dimensions, strict=True))
        return inputs, targets

    def to_channels(self, inputs: Floats, targets: Floats) -> tuple[Floats, Floats]:
        """Published samples (n, …) as (n, c, *points)."""
        return inputs[:, None], targets[:, None]

    def to_pairs(self, inputs: Floats, targets: Floats, source: Source) -> tuple[Floats, Floats]:
        """Pairs (n, c, *points) on the finest grid. Raises DatasetError."""
        inputs, targets = self.to_channels(inputs, targets)
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
        whole, part = (finest - self.both_ends, points - self.both_ends)
        if points > finest or whole % part:
            fitting = [whole // every + self.both_ends for every in range(1, whole // 4) if whole % every == 0]
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

    def samples_of(self, part: str, inputs: Floats, targets: Floats) -> dict[str, Floats]:
        """Pairs on the grid that is trained on; of the evaluation part on all."""
        suffixes = ["", *(f"_{points}" for points in self.evaluation_grids if part == "evaluation")]
        found = {}
        for suffix in suffixes:
            points = int(suffix[1:] or self.grid)
            found[f"input{suffix}"] = self.on_grid(inputs, points)
            found[f"target{suffix}"] = self.on_grid(targets, points)
        return found
