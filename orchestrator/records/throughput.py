"""The unit of a throughput, as every file and table writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAMPLES: Final = "samples"
"""What is counted where nothing else is said, and by versions that counted nothing else."""


def throughput_unit(items: str = SAMPLES) -> str:
    """The unit of a throughput that counts ``items``: "tokens/s"."""
    return f"{items}/s"


def items_of(unit: str) -> str:
    """What a throughput of this unit counts: "tokens"."""
    return unit.removesuffix("/s")


def unit_of(run: Mapping[str, object]) -> str:
    """The unit of a run's throughputs, from its row in the store; rows made by hand need not say samples."""
    return str(run.get("throughput_unit") or throughput_unit())
