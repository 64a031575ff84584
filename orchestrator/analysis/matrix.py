"""Data sets × methods: the metrics of each cell over its repeats, which method is best, and what a cell cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TypeVar

import numpy as np

from orchestrator.analysis.epochs import Epochs, common_epochs
from orchestrator.analysis.series import Scale, Series, column_values, rates_of, whole_energies
from orchestrator.analysis.statistics import CONFIDENCE, t_quantile

Item = TypeVar("Item")

CONDITIONS = ("benchmark", "cluster", "comm", "recipe", "scale", "mode")
"""What all cells of a matrix share, beside node count and swept settings."""


@dataclass(frozen=True)
class Mean:
    """Mean of ``n`` values, their sample standard deviation (n − 1) and the mean's 95 % interval, in the values' unit.

    Deviation and interval are None of a single value.
    """

    mean: float
    deviation: float | None
    interval: tuple[float, float] | None
    n: int


@dataclass(frozen=True)
class Cell:
    """What the repeats of one method on one data set came to. ``row`` is the data set's place among the matrix's;
    ``reached`` of the ``n`` runs reached the ``target``, if there is one, and ``time_to_accuracy`` (s) is theirs.
    ``unit`` is that of the throughput, which is of the ``warm`` epochs or of whole runs, the same for all methods on a
    data set; energy is in J.
    """

    row: int
    method: str
    n: int
    failed: int
    metrics: Mapping[str, Mean]
    unit: str
    warm: bool
    throughput: Mean
    time_to_accuracy: Mean | None
    reached: int
    target: float | None
    energy: Mean | None


@dataclass(frozen=True)
class Matrix:
    """The cells of one benchmark under the same conditions. ``best`` names the best method by data set and metric;
    ``target`` is None where methods have targets of their own.
    """

    conditions: Mapping[str, str]
    settings: Mapping[str, object]
    nodes: int
    ranks: int
    datasets: list[Mapping[str, str | None]]
    methods: list[str]
    metrics: list[str]
    target: float | None
    cells: list[Cell]
    best: Mapping[tuple[int, str], str]


def mean_of(values: Sequence[float]) -> Mean:
    """Mean x̄ with Student's interval x̄ ± t(0.975, n − 1) · s ÷ √n. Raises ValueError without values."""
    if not values:
        raise ValueError("a mean needs at least one value")
    data, n = np.asarray(values, np.float64), len(values)
    mean = float(np.mean(data))
    if n == 1:
        return Mean(mean, None, None, 1)
    deviation = float(np.std(data, ddof=1))
    half = t_quantile((1 + CONFIDENCE) / 2, n - 1) * deviation / sqrt(n)
    return Mean(mean, deviation, (mean - half, mean + half), n)


def best_of(means: Mapping[str, Mean], higher: bool) -> str | None:
    """The name whose 95 % interval lies beyond that of every other; None where intervals meet, or one is not known.

    Intervals that do not meet are a stricter test than one at 5 %: two of them part with a false alarm of about 0.6 %
    (Schenker and Gentleman 2001, for equal errors), which leaves room for comparing several methods at once.
    """
    spans = {name: found.interval for name, found in means.items()}
    if len(spans) < 2 or None in spans.values():
        return None
    best = (max if higher else min)(means, key=lambda name: means[name].mean)
    own = spans.pop(best)
    assert own is not None
    apart = (own[0] > span[1] if higher else own[1] < span[0] for span in spans.values() if span is not None)
    return best if all(apart) else None


def matrices_of(series: Sequence[Series], higher: Mapping[str, Mapping[str, bool]]) -> list[Matrix]:
    """One matrix for each benchmark, set of conditions and node count among the series of a campaign.

    ``higher`` says by benchmark and metric whether more is better; no method is called best at any other metric.
    """
    groups: dict[tuple[object, ...], list[tuple[Series, Scale]]] = {}
    for one in series:
        for scale in one.scales:
            conditions = tuple(one.identity[name] for name in CONDITIONS)
            groups.setdefault((*conditions, repr(sorted(one.settings.items())), scale.nodes), []).append((one, scale))
    return [matrix_of(members, higher.get(members[0][0].identity["benchmark"], {})) for members in groups.values()]


def matrix_of(members: Sequence[tuple[Series, Scale]], higher: Mapping[str, bool]) -> Matrix:
    """The matrix of scales that differ in data set and method alone."""
    datasets = unique([one.dataset for one, _ in members])
    rows = [datasets.index(one.dataset) for one, _ in members]
    epochs = [
        common_epochs(
            run.rate("warm")
            for place, (_, scale) in zip(rows, members, strict=True)
            if place == row
            for run in scale.runs
        )
        for row in range(len(datasets))
    ]
    cells = [cell_of(row, one, scale, epochs[row]) for row, (one, scale) in zip(rows, members, strict=True)]
    first, scale = members[0]
    targets = {one.target for one, _ in members}
    metrics = unique([first.metric, *(name for cell in cells for name in cell.metrics)])
    best = {}
    for row in range(len(datasets)):
        for metric, more in higher.items():
            means = {cell.method: cell.metrics[metric] for cell in cells if cell.row == row and metric in cell.metrics}
            if (name := best_of(means, more)) is not None:
                best[row, metric] = name
    return Matrix(
        {name: first.identity[name] for name in CONDITIONS},
        first.settings,
        scale.nodes,
        scale.ranks,
        datasets,
        unique([cell.method for cell in cells]),
        [metric for metric in metrics if metric is not None],
        first.target if len(targets) == 1 else None,
        cells,
        best,
    )


def cell_of(row: int, series: Series, scale: Scale, epochs: Epochs) -> Cell:
    """One cell, its throughput over those epochs."""
    runs = scale.runs
    names = unique([name for run in runs for name in run.metrics])
    metrics = {name: mean_of([run.metrics[name] for run in runs if name in run.metrics]) for name in names}
    times = column_values(runs, "time_to_accuracy_s")
    joules = whole_energies(runs)
    return Cell(
        row,
        series.identity["method"],
        scale.n,
        scale.failed,
        metrics,
        series.unit,
        epochs == "warm",
        mean_of(rates_of(runs, epochs)),
        mean_of(times) if times else None,
        len(times),
        series.target,
        mean_of(joules) if joules else None,
    )


def unique(items: Sequence[Item]) -> list[Item]:
    """Each item once, in order."""
    return [item for place, item in enumerate(items) if item not in items[:place]]
