"""What can be set of ngram."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workloads.language_models import config

COUNTED = ("source", "version", "training_documents", "longest", "longer")
"""What of a data set decides which texts are counted; of those made here also what they are made by."""
MADE = ("preset", "seed", "documents")
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

    @staticmethod
    def compare_trained(trained: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The texts as well: a checkpoint has no tables, which are counted anew."""
        one, other = config.Model.compare_trained(trained, wanted)
        for options, settings in ((one, trained), (other, wanted)):
            dataset = settings["dataset"]
            made = MADE if dataset["source"] == "stand-in" else ()
            options |= {option: dataset.get(option) for option in (*COUNTED, *made)}
            # Which of the other texts quality is measured on changes nothing.
            options["split"] = "validation" if dataset["split"] == "validation" else "test"
        return one, other
