"""What can be set of ngram."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.language_models import config

MOST = 7
"""Tokens of a gram: of CrystaLLM's 371 tokens more are no number of 63 bits."""


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    order: int
    """Tokens of a gram: one more than are looked back at."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if not 1 <= self.order <= MOST:
            raise ValueError(f"order is {self.order}; expected 1 to {MOST}")
