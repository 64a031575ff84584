"""A plot: a plain Plotly figure and the table behind it, and what the plots have in common."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SERIES = 6
"""Colours that the style sheet has for lines, one set for light paper and one for dark."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True)
class Plot:
    """A figure, and its data as a table: what screen readers, people without colours and the CSV file get.

    ``key`` names its file and anchor, ``note`` says how to read it. A colour is a CSS variable's name ("--series-0"),
    which the page resolves, so that one figure serves light paper, dark screens and print.
    """

    key: str
    title: str
    note: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]
    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    across: bool = False
    """Whether it takes the whole width of a wide screen."""


def label(text: Any) -> str:
    """Text for Plotly, which reads a subset of HTML in names, categories and hover texts."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colour(number: int) -> str:
    """The CSS variable of a line's colour."""
    return f"--series-{number % SERIES}"


def style(number: int, size: int = 8) -> dict[str, Any]:
    """Colour, dash and symbol of a line, so that colour alone never tells lines apart."""
    marker = {"color": colour(number), "symbol": SYMBOLS[number % len(SYMBOLS)], "size": size}
    return {"line": {"color": colour(number), "dash": DASHES[number // SERIES % len(DASHES)]}, "marker": marker}


def reference_line(x: Sequence[Any], y: Sequence[Any], name: str, dash: str = "dash") -> dict[str, Any]:
    """An ideal or a target: grey, dashed, without markers."""
    line = {"color": "--faint", "dash": dash, "width": 1.5}
    return {"x": list(x), "y": list(y), "mode": "lines", "name": name, "line": line, "hoverinfo": "skip"}


def error_bars(values: Iterable[float], spans: Iterable[Sequence[float] | None]) -> dict[str, Any]:
    """Asymmetric error bars from [low, high]; none where there is no interval."""
    pairs = [(value, span or (value, value)) for value, span in zip(values, spans, strict=True)]
    return {
        "type": "data",
        "array": [span[1] - value for value, span in pairs],
        "arrayminus": [value - span[0] for value, span in pairs],
        "thickness": 1.5,
        "width": 5,
    }


def axes(x: str, y: str, **more: Any) -> dict[str, Any]:
    """A layout with axis titles."""
    return {"xaxis": {"title": {"text": label(x)}}, "yaxis": {"title": {"text": label(y)}}, **more}


def logarithmic_nodes(nodes: Iterable[int]) -> dict[str, Any]:
    """An axis on which doublings are evenly apart, with a tick at every scale that was run."""
    ticks = sorted(set(nodes))
    return {"type": "log", "tickvals": ticks, "ticktext": [str(tick) for tick in ticks], "minor": {"ticks": ""}}


def decades(values: Iterable[float]) -> dict[str, Any]:
    """A logarithmic axis with ticks at 1, 2 and 5 times the powers of ten around the values."""
    found = [value for value in values if value > 0]
    first, last = math.floor(math.log10(min(found))), math.ceil(math.log10(max(found)))
    ticks = [factor * 10.0**power for power in range(first, last + 1) for factor in (1, 2, 5)]
    return {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}


def distinct(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Those of the keys that tell the entries apart, each only if those before it do not: what a legend has to say."""
    chosen: list[str] = []
    apart = 1
    for name in names:
        found = len({tuple(str(entry.get(key)) for key in (*chosen, name)) for entry in entries})
        if found > apart:
            chosen.append(name)
            apart = found
    return chosen


def name_of(entry: Mapping[str, Any], names: Sequence[str]) -> str:
    """A legend's text from those keys, in their order."""
    return ", ".join(str(entry[name]) for name in names if entry.get(name) is not None)


def plural(count: int, word: str) -> str:
    """ "1 node", "2 nodes"."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def rounded(value: float | None, digits: int = 5) -> float | None:
    """A number as short as its precision allows; None for what is none or not finite."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return float(f"{value:.{digits}g}")
