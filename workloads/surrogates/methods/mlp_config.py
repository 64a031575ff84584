"""What can be set of mlp."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates import config
from workloads.surrogates.config import require_more, require_one_of


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    width: int
    """Units of each hidden layer."""
    layers: int
    """Hidden layers."""
    activation: str
    """What stands between them: "gelu" or "sigmoid"."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        require_one_of("activation", self.activation, ("gelu", "sigmoid"))
        require_more("width", self.width, 1)
        require_more("layers", self.layers, 1)
