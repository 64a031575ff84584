"""Functions with the points that a network is trained at, and what is asked of it there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from workloads.operators.problems.base import Affine, Collocation, Problem
from workloads.runtime.samples.sampleset import Arrays, SampleSet


class CollocatedSet(SampleSet):
    """Each function of a set as "sensors" (S,), with the same "points" (P, 2) for all, and where the problem has them
    the "source" (R,) at the points of the equation and what is "given" (K,) at those of the conditions; float32.

    Other fields of the set stay as they are.
    """

    unit = "points"

    def __init__(self, functions: SampleSet, problem: Problem, collocation: Collocation) -> None:
        self.functions, self.collocation = functions, collocation
        self.points = collocation.points.astype(np.float32)
        found: dict[str, Affine | None] = {
            "sensors": problem.sensing,
            "source": problem.sourcing(collocation),
            "given": problem.giving(collocation),
        }
        self.maps = {name: affine for name, affine in found.items() if affine is not None}

    def __len__(self) -> int:
        return len(self.functions)

    def items(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """All functions have as many points."""
        return np.full(len(indices), len(self.points), np.int64)

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The functions at ``indices``; what is computed of them is copied into ``out``, if given."""
        found = self.functions.read(indices)
        function = found.pop("function")
        found |= {name: affine.apply(function) for name, affine in self.maps.items()}
        found["points"] = np.broadcast_to(self.points, (len(indices), *self.points.shape))
        if out is None:
            return {name: np.array(values) for name, values in found.items()}
        result = {name: out[name][: len(indices)] for name in found}
        for name, values in found.items():
            result[name][...] = values
        return result
