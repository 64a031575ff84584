"""Checks on runs: whether they complete, how fast they are, how they scale, how good they get and how alike
they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from orchestrator.acceptance.findings import (
    FAIL,
    MORE,
    PASS,
    UNDECIDED,
    UNMEASURABLE,
    Check,
    Finding,
    Subject,
    failed_runs,
    finding_from_judgement,
    finite_or_none,
    finite_pair,
    make_finding,
    reference_of,
    unmeasurable_finding,
)
from orchestrator.acceptance.measurements import Measurement, of_the_same_epochs
from orchestrator.acceptance.quantities import QUANTITIES, why_unusable
from orchestrator.acceptance.suite_entries import MachineFacts
from orchestrator.analysis import special
from orchestrator.analysis.judgement import judge_efficiency, judge_repeats, judge_times_to_accuracy
from orchestrator.analysis.statistics import CONFIDENCE, deviation_interval, olympic_summary, variation

Runs = Sequence[Measurement]


def judge_each_scale(
    check: Check, runs: Runs, judge_scale: Callable[[int, list[Measurement]], Finding]
) -> list[Finding]:
    """Return one finding for each node count of the check. A node count without runs is not measurable."""
    found = []
    for nodes in check.nodes:
        at_scale = [run for run in runs if run.nodes == nodes]
        if not at_scale:
            found.append(unmeasurable_finding(check, nodes, "no run was made at this scale"))
        else:
            found.append(judge_scale(nodes, at_scale))
    return found


def judge_completion(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that no more runs failed than the suite allows."""

    def judge_scale(nodes: int, members: list[Measurement]) -> Finding:
        named, concerns = failed_runs(members)
        causes = "; ".join(dict.fromkeys(run.cause for run in members if not run.completed and run.cause))
        return make_finding(
            check, nodes, FAIL if len(named) > check.allowed else PASS, value=float(len(named)),
            bounds=(None, float(check.allowed)), unit="failed runs", n=len(members), named=named, why=causes,
            concerns=concerns, basis="every run must end well" if not check.allowed else "as many as the suite allows",
        )  # fmt: skip

    return judge_each_scale(check, runs, judge_scale)


def judge_reference(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check a quantity of repeated runs against its reference."""
    quantity = QUANTITIES[str(check.quantity)]

    def judge_scale(nodes: int, members: list[Measurement]) -> Finding:
        bound = check.bound(nodes)
        if bound is None:
            return unmeasurable_finding(check, nodes, check.problem(nodes))
        completed = of_the_same_epochs([run for run in members if run.completed])
        sources = {run.source for run in completed if run.source is not None}
        if bound["source"] is not None and (other := sorted(sources - {bound["source"]})):
            return unmeasurable_finding(
                check, nodes, f"the reference is for {bound['source']} data, the runs read {', '.join(other)} data"
            )
        values = [value for run in completed for value in quantity.values(run, check.size)]
        if why := why_unusable(str(check.quantity), values):
            return unmeasurable_finding(check, nodes, why)
        if bound["unit"] and (other := sorted({quantity.unit_in(run) for run in completed} - {bound["unit"]})):
            return unmeasurable_finding(
                check, nodes, f"the reference is in {bound['unit']}, the runs measured {', '.join(other)}"
            )
        return finding_from_judgement(
            check, nodes, judge_repeats(values, reference_of(bound, quantity.unit), check.looks)
        )

    return judge_each_scale(check, runs, judge_scale)


def judge_scaling(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check T(N)·N₀ ÷ (N·T(N₀)) against its bound. N₀ is the smallest scale that was run, whether its runs completed or
    not: relative to a larger one a machine scales better.
    """
    rates: dict[int, list[float]] = {}
    for run in of_the_same_epochs([run for run in runs if run.completed]):
        if run.throughput:
            rates.setdefault(run.nodes, []).append(run.throughput)
    base = min((run.nodes for run in runs), default=0)

    def judge_scale(nodes: int, members: list[Measurement]) -> Finding:
        bound = check.bound(nodes)
        if bound is None:
            return unmeasurable_finding(check, nodes, check.problem(nodes))
        least = min(len(rates.get(nodes, [])), len(rates.get(base, [])))
        if least < 2:
            return unmeasurable_finding(check, nodes, f"fewer than two runs completed at {nodes} nodes or at the base")
        result = judge_efficiency(rates[nodes], rates[base], nodes / base, reference_of(bound, "× ideal"), check.looks)
        return finding_from_judgement(check, nodes, result, why=f"relative to {base} node{'s' if base > 1 else ''}")

    scales = [nodes for nodes in check.nodes if nodes != base]
    if not scales:
        return [unmeasurable_finding(check, None, "a single scale has no efficiency")]
    return judge_each_scale(replace(check, nodes=scales), runs, judge_scale)


def judge_quality(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that every run that trained to its end reached its quality target."""

    def judge_scale(nodes: int, members: list[Measurement]) -> Finding:
        ended = [(run, run.quality) for run in members if run.completed and run.stopped != "steps" and run.quality]
        if not ended:
            return unmeasurable_finding(check, nodes, "no run went on until its target or its end")
        judged = [(run, quality) for run, quality in ended if quality["target"] is not None]
        if not judged:
            return unmeasurable_finding(check, nodes, "the runs have no target: benchmark.quality.target is null")
        missed = [(run, quality) for run, quality in judged if not quality["reached"]]
        named = [Subject("run", f"{run.entry.campaign}/{run.entry.run}", quality["value"]) for run, quality in missed]
        run, first = judged[0]
        target = finite_or_none(first["target"])
        higher = run.settings.get("quality", {}).get("higher_is_better", True)
        values = [value for _, quality in judged if (value := finite_or_none(quality["value"])) is not None]
        if not values:
            return unmeasurable_finding(check, nodes, f"no run has a value of {first['metric']}")
        return make_finding(
            check, nodes, FAIL if len(missed) > check.allowed else PASS, value=float(np.median(values)),
            interval=finite_pair((min(values), max(values))), bounds=(target, None) if higher else (None, target),
            unit=str(first["metric"]), n=len(values), named=named, concerns="answer", basis=str(first["basis"]),
            why=f"{len(judged) - len(missed)} of {len(judged)} runs reached the target; "
            "the interval is from the least to the most",
        )  # fmt: skip

    return judge_each_scale(check, runs, judge_scale)


def judge_time_to_accuracy(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check MLPerf's olympic mean (fastest and slowest dropped) of at least five runs against its bound."""

    def judge_scale(nodes: int, members: list[Measurement]) -> Finding:
        values = [run.time_to_accuracy for run in members if run.completed and run.timed][: check.limit]
        mean = olympic_summary(values)
        text = f"{mean.reached} of {mean.n} runs reached the target"
        if mean.n - mean.reached > 1:
            return make_finding(
                check, nodes, FAIL, unit="s", n=mean.n, concerns="answer",
                why=f"{text}; more than one that did not makes the result void",
            )  # fmt: skip
        bound = check.bound(nodes)
        if bound is None:
            shown = make_finding(
                check, nodes, UNMEASURABLE, value=mean.mean, unit="s", n=mean.n, why=check.problem(nodes)
            )
            return shown
        wanted = reference_of(bound, "s")
        if mean.n < check.first or mean.mean is None:
            return make_finding(
                check, nodes, MORE if len(values) else UNMEASURABLE, value=mean.mean, unit="s", n=mean.n, why=text,
                bounds=finite_pair(wanted.bounds), needed=check.first - mean.n,
            )  # fmt: skip
        judgement = judge_times_to_accuracy(values, wanted, check.looks)
        return finding_from_judgement(check, nodes, judgement, why=text)

    return judge_each_scale(check, runs, judge_scale)


def judge_variation(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check the sample standard deviation ÷ mean of a quantity over repeats."""
    quantity_name = check.quantity or "throughput"
    quantity = QUANTITIES[quantity_name]

    def judge_scale(nodes: int, members: list[Measurement]) -> Finding:
        bound = check.bound(nodes)
        if bound is None or bound["upper"] is None:
            return unmeasurable_finding(check, nodes, check.problem(nodes))
        completed = of_the_same_epochs([run for run in members if run.completed])
        of_runs = [quantity.values(run, check.size) for run in completed]
        values = [float(np.median(found)) for found in of_runs if len(found)][: check.limit]
        if why := why_unusable(quantity_name, values):
            return unmeasurable_finding(check, nodes, why)
        spread = variation(values)
        most = bound["value"] * (1 + bound["upper"])
        if spread is None or len(values) < check.first:
            return make_finding(
                check, nodes, MORE, value=spread, bounds=(None, most), unit=bound["unit"], n=len(values),
                needed=check.first - len(values),
            )  # fmt: skip
        share = check.looks.share(len(values), CONFIDENCE)
        interval = tuple(end / float(np.mean(values)) for end in deviation_interval(values, 1 - 2 * share))
        outcome = PASS if interval[1] <= most else FAIL if interval[0] > most else MORE
        if outcome == MORE and len(values) >= check.limit:
            outcome = UNDECIDED
        return make_finding(
            check, nodes, outcome, value=spread, interval=finite_pair(interval), bounds=(None, most),
            unit=bound["unit"], n=len(values), needed=1 if outcome == MORE else 0,
        )  # fmt: skip

    return judge_each_scale(check, runs, judge_scale)


def judge_stability(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that no run failed in the check's hours of repeating its workload."""

    def judge_scale(nodes: int, members: list[Measurement]) -> Finding:
        named, concerns = failed_runs(members)
        ends = [run.ended for run in members if run.ended is not None]
        hours = (max(ends, default=0.0) - min(run.created for run in members)) / 3600 if ends else 0.0
        good = len(members) - len(named)
        upper = float(special.betaincinv(len(named) + 1, good, 0.95)) if good else 1.0
        outcome = FAIL if len(named) > check.allowed else PASS if hours >= check.hours else UNDECIDED
        return make_finding(
            check, nodes, outcome, value=float(len(named)), bounds=(None, float(check.allowed)), unit="failed runs",
            n=len(members), named=named, concerns=concerns, basis=f"no more than {check.allowed} in {check.hours:g} h",
            why=f"{len(members)} runs in {hours:.2f} h; with 95 % confidence below {100 * upper:.1f} % of runs fail",
        )  # fmt: skip

    return judge_each_scale(check, runs, judge_scale)
