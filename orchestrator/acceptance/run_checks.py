"""Checks on runs: that they end well, how fast they are, how they scale, how good they are and how alike."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import stats

from orchestrator.acceptance.findings import (
    FAIL,
    MORE,
    PASS,
    UNDECIDED,
    Check,
    Finding,
    Named,
    failures,
    finding,
    finite,
    judged,
    reference_of,
    span,
    unmeasurable,
)
from orchestrator.acceptance.measurements import Measurement
from orchestrator.acceptance.quantities import QUANTITIES
from orchestrator.analysis.judgement import judge_efficiency, judge_repeats
from orchestrator.analysis.statistics import (
    CONFIDENCE,
    RESAMPLES,
    fixed_generator,
    olympic_summary,
    percentile_interval,
    variation,
)

Runs = Sequence[Measurement]


def each_scale(check: Check, runs: Runs, judge_scale: Callable[[int, list[Measurement]], Finding]) -> list[Finding]:
    """A finding for each node count that the check is for; one without runs says so."""
    found = []
    for nodes in check.nodes:
        at_scale = [run for run in runs if run.nodes == nodes]
        if not at_scale:
            found.append(unmeasurable(check, nodes, "no run was made at this scale"))
        else:
            found.append(judge_scale(nodes, at_scale))
    return found


def completed(check: Check, runs: Runs, facts: Any) -> list[Finding]:
    """No more runs failed than are allowed (none)."""

    def at(nodes: int, members: list[Measurement]) -> Finding:
        named, concerns = failures(members)
        causes = "; ".join(dict.fromkeys(str(run.cause) for run in members if not run.completed))
        return finding(
            check, nodes, FAIL if len(named) > check.allowed else PASS, value=float(len(named)),
            bounds=(None, float(check.allowed)), unit="failed runs", n=len(members), named=named, why=causes,
            concerns=concerns, basis="every run must end well" if not check.allowed else "as many as the suite allows",
        )  # fmt: skip

    return each_scale(check, runs, at)


def reference(check: Check, runs: Runs, facts: Any) -> list[Finding]:
    """A quantity of repeated runs against its reference."""
    quantity = QUANTITIES[str(check.quantity)]

    def at(nodes: int, members: list[Measurement]) -> Finding:
        bound = check.bound(nodes)
        if bound is None:
            return unmeasurable(check, nodes, check.problem(nodes))
        if bound["source"] is not None and (other := sorted({str(run.source) for run in members} - {bound["source"]})):
            return unmeasurable(
                check, nodes, f"the reference is for {bound['source']} data, the runs read {', '.join(other)} data"
            )
        values = [value for run in members if run.completed for value in quantity.values(run, check.size)]
        if not values:
            return unmeasurable(check, nodes, f"no value of {check.quantity}: {quantity.missing}")
        return judged(check, nodes, judge_repeats(values, reference_of(bound, quantity.unit), check.looks))

    return each_scale(check, runs, at)


def efficiency(check: Check, runs: Runs, facts: Any) -> list[Finding]:
    """T(N)·N₀ ÷ (N·T(N₀)) against its bound, N₀ the smallest scale that was run."""
    rates: dict[int, list[float]] = {}
    for run in runs:
        if run.completed and run.throughput:
            rates.setdefault(run.nodes, []).append(run.throughput)
    base = min(rates, default=0)

    def at(nodes: int, members: list[Measurement]) -> Finding:
        bound = check.bound(nodes)
        if bound is None:
            return unmeasurable(check, nodes, check.problem(nodes))
        least = min(len(rates.get(nodes, [])), len(rates.get(base, [])))
        if least < 2:
            return unmeasurable(check, nodes, f"fewer than two runs completed at {nodes} nodes or at the base")
        result = judge_efficiency(rates[nodes], rates[base], nodes / base, reference_of(bound, "× ideal"), check.looks)
        return judged(check, nodes, result, why=f"relative to {base} node{'s' if base > 1 else ''}")

    scales = [nodes for nodes in check.nodes if nodes != base]
    if not scales:
        return [unmeasurable(check, None, "a single scale has no efficiency")]
    return each_scale(replace(check, nodes=scales), runs, at)


def quality(check: Check, runs: Runs, facts: Any) -> list[Finding]:
    """Every run that had the chance reached its quality target."""

    def at(nodes: int, members: list[Measurement]) -> Finding:
        judgeable = [run for run in members if run.completed and run.stopped != "steps" and run.quality]
        if not judgeable:
            return unmeasurable(check, nodes, "no run went on until its target or its end")
        missed = [run for run in judgeable if not run.quality.get("reached")]
        named = [Named("run", f"{run.entry.campaign}/{run.entry.run}", run.quality["value"]) for run in missed]
        first = judgeable[0].quality
        values = [run.quality["value"] for run in judgeable]
        return finding(
            check, nodes, FAIL if len(missed) > check.allowed else PASS, value=float(np.median(values)),
            interval=span((min(values), max(values))), bounds=(finite(first["target"]), None),
            unit=str(first["metric"]), n=len(values), named=named, concerns="answer", basis=str(first["basis"]),
            why=f"{len(judgeable) - len(missed)} of {len(judgeable)} runs reached the target; "
            "the interval is from the least to the most",
        )  # fmt: skip

    return each_scale(check, runs, at)


def time_to_accuracy(check: Check, runs: Runs, facts: Any) -> list[Finding]:
    """MLPerf's mean without fastest and slowest, of at least five runs, against its bound."""

    def at(nodes: int, members: list[Measurement]) -> Finding:
        values = [run.time_to_accuracy for run in members if run.completed][: check.limit]
        mean = olympic_summary(values)
        text = f"{mean.reached} of {mean.n} runs reached the target"
        if mean.n - mean.reached > 1:
            return finding(
                check, nodes, FAIL, unit="s", n=mean.n, concerns="answer",
                why=f"{text}; more than one that did not makes the result void",
            )  # fmt: skip
        bound = check.bound(nodes)
        if bound is None:
            shown = finding(
                check, nodes, "not measurable", value=mean.mean, unit="s", n=mean.n, why=check.problem(nodes)
            )
            return shown
        wanted = reference_of(bound, "s")
        if mean.n < check.first or mean.mean is None:
            return finding(
                check, nodes, MORE if len(values) else "not measurable", value=mean.mean, unit="s", n=mean.n, why=text,
                bounds=span(wanted.bounds), needed=check.first - mean.n,
            )  # fmt: skip
        interval = olympic_interval(values, 1 - (1 - CONFIDENCE) / check.looks.count)
        least, most = wanted.bounds
        if least <= interval[0] and interval[1] <= most:
            outcome = PASS
        elif interval[1] < least or interval[0] > most:
            outcome = FAIL
        else:
            outcome = MORE if mean.n < check.limit else UNDECIDED
        return finding(
            check, nodes, outcome, value=mean.mean, interval=span(interval), bounds=span(wanted.bounds), unit="s",
            n=mean.n, why=text, needed=1 if outcome == MORE else 0,
        )  # fmt: skip

    return each_scale(check, runs, at)


def olympic_interval(values: Sequence[float | None], confidence: float) -> tuple[float, float]:
    """Percentile bootstrap of the olympic mean; a run that did not reach its target counts as the slowest."""
    worst = max(value for value in values if value is not None)
    data = np.asarray([worst if value is None else value for value in values])
    drawn = np.sort(fixed_generator().choice(data, (RESAMPLES * 5, len(data))), axis=1)[:, 1:-1]
    return percentile_interval(drawn.mean(axis=1), confidence)


def run_to_run(check: Check, runs: Runs, facts: Any) -> list[Finding]:
    """Sample standard deviation ÷ mean of a quantity over repeats, with its χ² interval."""
    quantity = QUANTITIES[check.quantity or "throughput"]

    def at(nodes: int, members: list[Measurement]) -> Finding:
        bound = check.bound(nodes)
        if bound is None or bound["upper"] is None:
            return unmeasurable(check, nodes, check.problem(nodes))
        values = [
            float(np.median(found)) for run in members if run.completed and (found := quantity.values(run, check.size))
        ][: check.limit]
        spread = variation(values)
        most = bound["value"] * (1 + bound["upper"])
        if spread is None or len(values) < check.first:
            return finding(
                check, nodes, MORE, value=spread, bounds=(None, most), unit=bound["unit"], n=len(values),
                needed=check.first - len(values),
            )  # fmt: skip
        interval = variation_interval(spread, len(values), 1 - (1 - CONFIDENCE) / check.looks.count)
        outcome = PASS if interval[1] <= most else FAIL if interval[0] > most else MORE
        if outcome == MORE and len(values) >= check.limit:
            outcome = UNDECIDED
        return finding(
            check, nodes, outcome, value=spread, interval=span(interval), bounds=(None, most), unit=bound["unit"],
            n=len(values), needed=1 if outcome == MORE else 0,
        )  # fmt: skip

    return each_scale(check, runs, at)


def variation_interval(spread: float, n: int, confidence: float) -> tuple[float, float]:
    """Of a coefficient of variation from n normal values: √((n − 1) ÷ χ²), which is close for spreads of some per
    cent.
    """
    low, high = stats.chi2.ppf([(1 + confidence) / 2, (1 - confidence) / 2], n - 1)
    return spread * math.sqrt((n - 1) / low), spread * math.sqrt((n - 1) / high)


def stability(check: Check, runs: Runs, facts: Any) -> list[Finding]:
    """No failed run in so many hours of running the workload over and over."""

    def at(nodes: int, members: list[Measurement]) -> Finding:
        named, concerns = failures(members)
        ends = [run.ended for run in members if run.ended is not None]
        hours = (max(ends, default=0.0) - min(run.created for run in members)) / 3600 if ends else 0.0
        upper = (
            float(stats.beta.ppf(0.95, len(named) + 1, len(members) - len(named))) if len(members) > len(named) else 1.0
        )
        outcome = FAIL if len(named) > check.allowed else PASS if hours >= check.hours else UNDECIDED
        return finding(
            check, nodes, outcome, value=float(len(named)), bounds=(None, float(check.allowed)), unit="failed runs",
            n=len(members), named=named, concerns=concerns, basis=f"no more than {check.allowed} in {check.hours:g} h",
            why=f"{len(members)} runs in {hours:.2f} h; with 95 % confidence below {100 * upper:.1f} % of runs fail",
        )  # fmt: skip

    return each_scale(check, runs, at)
