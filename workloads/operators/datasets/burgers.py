"""burgers: what becomes of a velocity that steepens and wears off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat, savemat

from workloads.operators.datasets.base import OperatorDataset
from workloads.operators.problems.spaces import Values
from workloads.runtime.errors import DatasetError


class BurgersDataset(OperatorDataset):
    """``burgers_pino.mat`` of neuraloperator/physics_informed: ``input`` (N, 128) at x = j / 128, ``output``
    (N, 101, 128) at 101 times from 0 to 1. What is made here has the same layout.
    """

    SET = "burgers"

    @property
    def file(self) -> str:
        """As published."""
        return "burgers_pino.mat"

    def write_file(
        self, path: Path, functions: NDArray[np.float32], solutions: NDArray[np.float32], axes: list[Values]
    ) -> None:
        """Times before places."""
        savemat(path, {"input": functions, "output": solutions[:, 0].swapaxes(1, 2)})

    def read_file(self, path: Path) -> dict[str, NDArray[Any]]:
        """Places before times, as all data sets here have them. Raises DatasetError for a file that is not whole."""
        try:
            found = loadmat(path, variable_names=["input", "output"])
            functions, output = found["input"], found["output"]
        except (OSError, KeyError, ValueError, TypeError, NotImplementedError) as error:
            raise DatasetError(f"{path} is no whole MATLAB file with 'input' and 'output': {error}") from error
        if output.ndim != 3:
            raise DatasetError(f"{path}: 'output' has shape {output.shape}; expected functions, times and places")
        x, t = self.problem.axes((output.shape[2], output.shape[1]))
        return {"functions": functions, "solutions": output.swapaxes(1, 2)[:, None], "x": x, "t": t}
