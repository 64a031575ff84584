"""What can be set of tfno."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates.methods import fno_config


@dataclass
class Model(fno_config.Model):
    """``benchmark.model``."""

    share: float
    """Numbers of the spectral weights that are kept, of the whole tensors'."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if not 0 < self.share <= 1:
            raise ValueError(f"share is {self.share}; expected more than 0, and 1 at most")
