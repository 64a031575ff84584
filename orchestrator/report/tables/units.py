"""How tables show throughputs: in one unit, which heads the column, or in several, each beside its number."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from orchestrator.analysis.epochs import Epochs
from orchestrator.records import items_of, throughput_unit


@dataclass(frozen=True)
class RateColumn:
    """The column of a table's throughputs. ``unit`` is the one that all rows share, None where they have several."""

    unit: str | None

    @classmethod
    def of(cls, units: Iterable[str]) -> RateColumn:
        """The column of rows with these units; a table without rows is headed as one of samples."""
        found = set(units) or {throughput_unit()}
        return cls(found.pop() if len(found) == 1 else None)

    @property
    def heading(self) -> str:
        """The heading: "tokens/s", or "throughput" where units differ."""
        return self.unit or "throughput"

    def cell(self, text: str, unit: str) -> str:
        """The text of a throughput, with its unit where the heading does not say it."""
        return text if self.unit or text == "–" else f"{text} {unit}"

    @property
    def names(self) -> list[str]:
        """Names of the columns of a table of data: "tokens_per_s", or "throughput" and "unit" where units differ."""
        return [self.unit.replace("/", "_per_")] if self.unit else ["throughput", "unit"]

    def values(self, value: float | None, unit: str) -> list[Any]:
        """The values of these columns."""
        return [value] if self.unit else [value, unit]


def per_joule(unit: str) -> str:
    """The unit of work by energy of runs whose throughput has this one: "tokens/J"."""
    return f"{items_of(unit)}/J"


WHAT_IS_COMPARED = {
    frozenset({"warm"}): "warm epochs",
    frozenset({"all"}): "whole runs, as not every one has a warm epoch",
    frozenset({"warm", "all"}): "warm epochs, or whole runs where not every one has a warm epoch",
}
"""What throughputs are of, by the epochs of a table's rows."""


def warm_heading(every: Collection[Epochs]) -> str:
    """ ", warm" for the heading of a column whose throughputs are all of warm epochs."""
    return ", warm" if set(every) == {"warm"} else ""


def warm_mark(epochs: Epochs, every: Collection[Epochs]) -> str:
    """ " warm" behind a number of warm epochs, where others of its column are of whole runs."""
    return " warm" if epochs == "warm" and "all" in every else ""


def compared_text(every: Iterable[Epochs]) -> str:
    """Return what the throughputs of some rows are of: "warm epochs"."""
    return WHAT_IS_COMPARED[frozenset(every)]
