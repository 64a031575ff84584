"""A plot (a Plotly figure and the table behind it), and the elements that plots share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

SERIES = 6
"""Number of line colours in the style sheet, which has a set for light and one for dark backgrounds."""
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "star")
HATCHES = ("", "/", "x", ".")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


Plotly: TypeAlias = "dict[str, Any]"
"""A trace, a layout or a part of one, as Plotly's JSON has it."""


@dataclass(frozen=True)
class Plot:
    """A figure and its data as a table, for screen readers, for people who cannot tell the colours, and for the CSV
    file.

    ``key`` names its file and anchor; ``note`` says how to read it. A colour is the name of a CSS variable
    ("--series-0"), which the page resolves, so one figure serves light pages, dark screens and print.
    """

    key: str
    title: str
    note: str
    traces: list[Plotly]
    layout: Plotly
    columns: list[str]
    rows: list[list[Any]] = field(default_factory=list)
    across: bool = False
    """Whether it takes the whole width of a wide screen."""


def label(text: Any) -> str:
    """Return text escaped for Plotly, which reads a subset of HTML in names, categories and hover texts."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def colour(number: int) -> str:
    """Return the CSS variable of a line's colour."""
    return f"--series-{number % SERIES}"


def style(number: int, size: int = 8) -> Plotly:
    """Return colour, dash and symbol of a line. Lines never differ by colour alone."""
    marker = {"color": colour(number), "symbol": SYMBOLS[number % len(SYMBOLS)], "size": size}
    return {"line": {"color": colour(number), "dash": DASHES[number // SERIES % len(DASHES)]}, "marker": marker}


def fill(number: int) -> Plotly:
    """Return colour and hatching of a bar's part: colours come again after some parts, then hatched."""
    return {"color": colour(number), "pattern": {"shape": HATCHES[number // SERIES % len(HATCHES)]}}


def reference_line(x: Sequence[Any], y: Sequence[Any], name: str, dash: str = "dash") -> Plotly:
    """Return the trace of an ideal or a target: grey, dashed, without markers."""
    line = {"color": "--faint", "dash": dash, "width": 1.5}
    return {"x": list(x), "y": list(y), "mode": "lines", "name": name, "line": line, "hoverinfo": "skip"}


def error_bars(values: Iterable[float], spans: Iterable[Sequence[float] | None]) -> Plotly:
    """Return asymmetric error bars from [low, high] spans; a value without a span has none."""
    pairs = [(value, span or (value, value)) for value, span in zip(values, spans, strict=True)]
    return {
        "type": "data",
        "array": [span[1] - value for value, span in pairs],
        "arrayminus": [value - span[0] for value, span in pairs],
        "thickness": 1.5,
        "width": 5,
    }


def axes(x: str, y: str, **more: Any) -> Plotly:
    """Return a layout with axis titles."""
    return {"xaxis": {"title": {"text": label(x)}}, "yaxis": {"title": {"text": label(y)}}, **more}


def logarithmic_axis(title: str, ticks: Sequence[float]) -> Plotly:
    """Return a logarithmic axis, which says that it is one, with ticks at some values."""
    texts = [f"{tick:.12g}" for tick in ticks]
    return {"type": "log", "title": {"text": label(f"{title}, log")}, "tickvals": list(ticks), "ticktext": texts}


def node_axis(title: str, nodes: Iterable[int]) -> Plotly:
    """Return a logarithmic axis with a tick at every scale that was run."""
    return {**logarithmic_axis(title, sorted(set(nodes))), "minor": {"ticks": ""}}


def decade_axis(title: str, values: Iterable[float]) -> Plotly:
    """Return a logarithmic axis with ticks at 1, 2 and 5 times the powers of ten, from one below the values to one
    above them: however close those are, there are two labels to read a point between.
    """
    found = [value for value in values if value > 0]
    low, high = min(found), max(found)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    # Over many decades a tick at each of them, and the axis is as readable as over one.
    factors = (1, 2, 5) if last - first <= 3 else (1,)
    ticks = [factor * 10.0**power for power in range(first - 1, last + 2) for factor in factors]
    begin = max(tick for tick in ticks if tick < low)
    end = min(tick for tick in ticks if tick > high)
    shown = [tick for tick in ticks if begin <= tick <= end]
    return {**logarithmic_axis(title, shown), "range": [math.log10(begin), math.log10(end)]}


def distinguishing_keys(entries: Sequence[Mapping[str, object]], names: Sequence[str]) -> list[str]:
    """Return those of the keys that tell the entries apart, each only if it adds to those before it. A legend shows
    them.
    """
    chosen: list[str] = []
    apart = 1
    for name in names:
        found = len({tuple(str(entry.get(key)) for key in (*chosen, name)) for entry in entries})
        if found > apart:
            chosen.append(name)
            apart = found
    return chosen


def name_of(entry: Mapping[str, object], names: Sequence[str]) -> str:
    """Return a legend's text from those keys, in their order."""
    return ", ".join(str(entry[name]) for name in names if entry.get(name) is not None)


def count_text(count: int, word: str) -> str:
    """ "1 node", "2 nodes"."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def round_digits(value: float | None, digits: int = 5) -> float | None:
    """Return a number with at most ``digits`` digits; None for None and for values that are not finite."""
    if value is None or value != value or value in (float("inf"), float("-inf")):
        return None
    return float(f"{value:.{digits}g}")
