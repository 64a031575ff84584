"""What can be set of unet."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates import config
from workloads.surrogates.config import require_more


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    width: int
    """Channels at full resolution, twice as many at each half of it."""
    depth: int
    """How often the grid is halved."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_more("width", self.width, 1)
        require_more("depth", self.depth, 1)

    def check_dataset(self, dataset: config.DatasetOptions) -> None:
        """Raises ValueError for a grid that cannot be halved so often."""
        coarsest = min(dataset.grid, *dataset.evaluation_grids, dataset.grid)
        if coarsest < 2**self.depth:
            raise ValueError(
                f"depth is {self.depth}, and a grid of {coarsest} points cannot be halved so often; expected "
                f"{coarsest.bit_length() - 1} or less"
            )
