"""What can be set of fno."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates import config
from workloads.surrogates.config import require_more


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    modes: int
    """Frequencies that are kept along the last axis, 0 among them."""
    rows: int
    """Frequencies that are kept along the axis before, negative ones among them: an even number; 0: twice ``modes``."""
    width: int
    """Channels between the layers."""
    layers: int
    """Fourier layers."""
    lifting: int
    """Channels of the hidden layer in front of them; 0: one linear layer."""
    projection: int
    """Channels of the hidden layer behind them; 0: one linear layer."""
    channel_mlp: int
    """Channels of the hidden layer behind each Fourier layer; 0: nothing is there, as published."""
    padding: float
    """Zeros beyond each axis's end, of its points: for fields that are not periodic."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        for option in ("modes", "width", "layers"):
            require_more(option, getattr(self, option), 1)
        for option in ("rows", "lifting", "projection", "channel_mlp", "padding"):
            require_more(option, getattr(self, option), 0)
        if self.rows % 2:
            raise ValueError(f"rows is {self.rows}; expected an even number")
