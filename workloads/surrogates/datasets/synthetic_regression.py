"""synthetic_regression: the sum of x^2 + 15 sin(x)^3 over 784 normal numbers, as sciml-bench's benchmark of that name
has it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.surrogates.datasets.numbers import NumbersDataset


class SyntheticRegressionDataset(NumbersDataset):
    """Numbers to one number."""

    SET = "synthetic_regression"
    MADE_OF = (*NumbersDataset.MADE_OF, "numbers")

    @property
    def numbers(self) -> int:
        """As many as are set."""
        return int(self.settings["numbers"])

    @property
    def target_shape(self) -> tuple[int, ...]:
        """One number."""
        return (1,)

    def simulate(self, random: np.random.Generator, count: int) -> dict[str, NDArray[np.float64]]:
        """Draw the numbers and add up."""
        drawn = random.standard_normal((count, self.numbers))
        return {"input": drawn, "target": (drawn**2 + 15 * np.sin(drawn) ** 3).sum(1, keepdims=True)}
