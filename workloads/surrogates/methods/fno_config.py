"""What can be set of fno."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates import config
from workloads.surrogates.config import require_more


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    modes: int | None
    """Frequencies that are kept along the last axis, 0 among them; null: as published for the data set."""
    rows: int | None
    """Frequencies that are kept along the axis before, negative ones among them: an even number; null: twice
    ``modes``.
    """
    width: int | None
    """Channels between the layers; null: as published for the data set."""
    layers: int
    """Fourier layers."""
    lifting: int
    """Channels of the hidden layer in front of them; 0: one linear layer."""
    projection: int
    """Channels of the hidden layer behind them; 0: one linear layer."""
    channel_mlp: int
    """Channels of the hidden layer behind each Fourier layer; 0: nothing is there, as published."""
    padding: float
    """Zeros beyond each axis's end, of its points, where fields are not periodic."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        for option in ("modes", "rows", "width", "layers"):
            if getattr(self, option) is not None:
                require_more(option, getattr(self, option), 1)
        for option in ("lifting", "projection", "channel_mlp", "padding"):
            require_more(option, getattr(self, option), 0)
        if self.rows is not None and self.rows % 2:
            raise ValueError(f"rows is {self.rows}; expected an even number")

    def check_dataset(self, dataset: config.DatasetOptions) -> None:
        """Raises ValueError for a grid that cannot hold the modes. Published modes fit the published grids."""
        if self.modes is None:
            return
        rows = self.rows or 2 * self.modes
        for points in (dataset.grid, *dataset.evaluation_grids):
            padded = points if dataset.periodic else points + round(self.padding * points)
            for option, least in {"modes": 2 * (self.modes - 1), "rows": rows if dataset.axes == 2 else 0}.items():
                if padded < least:
                    raise ValueError(
                        f"{option} asks for {least} points along each axis, and dataset.grid or "
                        f"dataset.evaluation_grids has {points}; take fewer modes or a finer grid"
                    )
