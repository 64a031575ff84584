"""What all data sets of operators share: functions with the solutions that belong to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import h5py
import numpy as np
from numpy.typing import NDArray

from workloads.operators.problems import PROBLEMS
from workloads.operators.problems.base import Problem
from workloads.operators.problems.spaces import Values
from workloads.runtime.dataset import FamilyDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import DAMAGE, Description, Field
from workloads.runtime.samples.writer import Writer

AT_ONCE = 64
"""Functions that are solved for together."""
COMPARED = 2
"""Functions of a file of others whose solutions are compared with those of the problem's own solver."""
APART = 0.05
"""How far, in relative L2, they may be: solvers and conventions differ by some thousandths."""


class OperatorDescription(Description):
    """``set`` is the data set's own name, and the problem's. ``axes`` are the coordinates of the solutions' grid."""

    set: str
    parameters: dict[str, float]
    axes: list[list[float]]


class OperatorDataset(FamilyDataset):
    """Samples of a "function" (m,) and its "solution" (outputs, n1, n2), float32.

    Published files hold ``functions`` (N, m), ``solutions`` (N, outputs, n1, n2) and the grid's coordinates, an array
    for each. The last functions are those of the evaluation.
    """

    NAME = "operators"
    DESCRIBED_BY = OperatorDescription
    SPLITS = ("functions",)
    SHARED: ClassVar[tuple[str, ...]] = (
        "source", "version", "split", "seed", "functions", "evaluation_functions", "grid",
    )  # fmt: skip

    @property
    def problem(self) -> Problem:
        """What is solved."""
        kind = PROBLEMS[self.SET]
        return kind({name: float(self.settings[name]) for name in kind.PARAMETERS})

    @property
    def made_of(self) -> dict[str, object]:
        """All settings that the data depend on."""
        return {name: self.settings[name] for name in (*self.SHARED, *self.problem.PARAMETERS)}

    @property
    def file(self) -> str:
        """The name of the published file."""
        return f"{self.SET}.h5"

    @property
    def counts(self) -> dict[str, int]:
        """How many functions each part has."""
        return {"training": int(self.settings["functions"]), "evaluation": int(self.settings["evaluation_functions"])}

    @property
    def grid(self) -> tuple[int, int]:
        """Points of a solution along each coordinate."""
        first, second = self.settings["grid"]
        return int(first), int(second)

    @property
    def fields(self) -> dict[str, Field]:
        """The arrays of a sample."""
        problem = self.problem
        return {
            "function": Field((problem.space.size,), "float32"),
            "solution": Field((len(problem.OUTPUTS), *self.grid), "float32"),
        }

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """Solutions made, and converted."""
        total = sum(self.counts.values())
        return total, total

    @property
    def stand_in_bytes(self) -> float:
        """Solutions as made, and converted."""
        return 2.0 * self.stand_in_counts[0] * sum(field.bytes for field in self.fields.values())

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Draw functions and solve for them, all in one process: solvers take many functions at once."""
        problem, total = self.problem, self.stand_in_counts[0]
        functions = problem.space.draw(total, np.random.default_rng(int(self.settings["seed"])))
        functions = functions.astype(np.float32).astype(np.float64)
        axes = problem.axes(self.grid)
        solutions = np.empty((total, len(problem.OUTPUTS), *self.grid), np.float32)
        for first in range(0, total, AT_ONCE):
            last = min(first + AT_ONCE, total)
            try:
                solutions[first:last] = problem.solve(functions[first:last], axes)
            except ValueError as error:
                raise DatasetError(f"{self.SET} cannot be solved: {error}") from error
            progress(last, total)
        self.write_file(published / self.file, functions.astype(np.float32), solutions, axes)

    def write_file(
        self, path: Path, functions: NDArray[np.float32], solutions: NDArray[np.float32], axes: list[Values]
    ) -> None:
        """Write a file in the published layout."""
        with h5py.File(path, "w", locking=False) as file:
            file["functions"], file["solutions"] = functions, solutions
            for name, coordinates in zip(self.problem.COORDINATES, axes, strict=True):
                file[name] = coordinates

    def read_file(self, path: Path) -> dict[str, NDArray[Any]]:
        """The arrays of a published file. Raises DatasetError for one that is not whole."""
        try:
            with h5py.File(path, "r", locking=False) as file:
                return {name: file[name][()] for name in ("functions", "solutions", *self.problem.COORDINATES)}
        except DAMAGE as error:
            raise DatasetError(f"{path} is no whole file of functions and solutions: {error}; copy it again") from error

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published file, all of it read."""
        found = self.checked(published)
        return {"functions": len(found["functions"])}

    def checked(self, published: Path) -> dict[str, NDArray[Any]]:
        """The arrays of the published file. Raises DatasetError, naming the array, for any that cannot be used."""
        path = published / self.file
        arrays = self.read_file(path)
        for name, array in arrays.items():
            refuse_unusable(path, name, array)
        axes = [arrays[name] for name in self.problem.COORDINATES]
        for name, axis in zip(self.problem.COORDINATES, axes, strict=True):
            refuse_axis(path, name, axis)
        number = len(arrays["functions"])
        expected = {"functions": (number, *self.fields["function"].shape)}
        expected["solutions"] = (number, len(self.problem.OUTPUTS), *(len(axis) for axis in axes))
        for name, shape in expected.items():
            if arrays[name].shape != shape:
                raise DatasetError(f"{path}: '{name}' has shape {arrays[name].shape}; expected {shape}")
        if expected["solutions"][2:] != self.grid:
            raise DatasetError(
                f"{path}: its grid is {expected['solutions'][2:]}; set benchmark.dataset.grid to that, not {self.grid}"
            )
        needed = sum(self.counts.values())
        if number < needed:
            raise DatasetError(f"{path} has {number} functions, and {needed} are asked for; take fewer functions")
        if not self.is_stand_in:
            self.refuse_another(path, arrays)
        return arrays

    def refuse_another(self, path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Raise DatasetError for a file of another problem: what its equation and functions are, the settings say, and
        nothing in it does. Of the outputs those that are judged are compared: a pressure may have any constant.
        """
        problem = self.problem
        told = ", ".join(f"{name}={value:g}" for name, value in problem.parameters.items())
        functions = arrays["functions"].astype(np.float64)
        judged = [problem.OUTPUTS.index(name) for name in problem.JUDGED]
        given = arrays["solutions"][:COMPARED, judged].astype(np.float64)
        try:
            problem.space.refuse_unheld(functions)
            solved = problem.solve_at(functions[:COMPARED], [arrays[name] for name in problem.COORDINATES])[:, judged]
        except ValueError as error:
            raise DatasetError(f"{path} is no file of {self.SET} with {told}: {error}") from error
        for number, (theirs, ours) in enumerate(zip(given, solved, strict=True)):
            apart = relative_distance(theirs, ours)
            if apart > APART:
                raise DatasetError(
                    f"{path}: the solution of function {number} is {apart:.0%} from that of {self.SET} with {told}; "
                    "set benchmark.dataset to what the file was made with"
                )

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published file to the consolidated folder."""
        arrays, problem = self.checked(published), self.problem
        writer = Writer(
            folder, self.provenance, self.fields, self.counts, self.made_of, progress=progress, workers=workers
        )
        training, evaluation = self.counts["training"], self.counts["evaluation"]
        parts = {"training": slice(0, training), "evaluation": slice(-evaluation, None)}
        with writer:
            writer.extra.update(self.described([arrays[name] for name in problem.COORDINATES]))
            for part, chosen in parts.items():
                samples = {"function": arrays["functions"][chosen], "solution": arrays["solutions"][chosen]}
                writer.append(part, {name: values.astype(np.float32) for name, values in samples.items()})

    def described(self, axes: list[NDArray[Any]]) -> Mapping[str, object]:
        """What ``dataset.json`` says of the problem, see OperatorDescription."""
        return {
            "set": self.SET,
            "parameters": self.problem.parameters,
            "axes": [[float(coordinate) for coordinate in axis] for axis in axes],
        }


def relative_distance(theirs: Values, ours: Values) -> float:
    """The norm of the difference over that of ours; from zero, anything else is infinitely far."""
    missed, size = float(np.linalg.norm(theirs - ours)), float(np.linalg.norm(ours))
    return missed / size if size else (math.inf if missed else 0.0)


def refuse_unusable(path: Path, name: str, array: NDArray[Any]) -> None:
    """Raise DatasetError for an array that is not of finite real numbers."""
    if array.dtype.kind not in "fiu":
        kind = "complex numbers" if array.dtype.kind == "c" else f"{array.dtype}, perhaps rows of unequal length"
        raise DatasetError(f"{path}: '{name}' holds {kind}; expected real numbers")
    if not np.isfinite(array).all():
        raise DatasetError(f"{path}: '{name}' has {int((~np.isfinite(array)).sum())} values that are not finite")


def refuse_axis(path: Path, name: str, axis: NDArray[Any]) -> None:
    """Raise DatasetError for coordinates that are no rising row of numbers in the domain."""
    if axis.ndim != 1 or not (np.diff(axis) > 0).all():
        raise DatasetError(f"{path}: '{name}' has to be one row of rising coordinates")
    if axis[0] < 0 or axis[-1] > 1:
        raise DatasetError(f"{path}: '{name}' runs from {axis[0]:g} to {axis[-1]:g}, out of the domain from 0 to 1")
