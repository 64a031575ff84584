"""What can be set of char_rnn."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.language_models import config


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    layers: int
    """Of LSTM, one after the other."""
    hidden: int
    """Numbers of each layer's state."""
    dropout: float
    """Of what one layer gives to the next."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        for option in ("layers", "hidden"):
            config.require_at_least(option, getattr(self, option), 1)
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; expected 0 or more, and less than 1")
