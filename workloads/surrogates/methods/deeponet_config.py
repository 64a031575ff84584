"""What can be set of deeponet."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates import config
from workloads.surrogates.config import require_more


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    width: int
    """Units of each hidden layer of both networks."""
    layers: int
    """Hidden layers of each."""
    basis: int
    """Functions of the place that are added up, each with a factor that depends on the input."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        for option in ("width", "layers", "basis"):
            require_more(option, getattr(self, option), 1)
