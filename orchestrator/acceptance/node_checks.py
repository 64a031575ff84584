"""Checks on nodes and links: in service, correct, alike, and as fast as the maker states. Findings name what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np

from orchestrator.acceptance.findings import (
    FAIL,
    MORE,
    PASS,
    UNDECIDED,
    Check,
    Finding,
    Subject,
    finding_from_judgement,
    finite_or_none,
    make_finding,
    reference_of,
    unmeasurable_finding,
)
from orchestrator.acceptance.measurements import Floats, Measurement
from orchestrator.acceptance.quantities import PROBED, QUANTITIES, why_unusable
from orchestrator.acceptance.suite_entries import MachineFacts
from orchestrator.analysis.fleet import bad_links, best_links, node_rates, pair_rates, relative_to_others
from orchestrator.analysis.judgement import Judgement, judge_repeats
from orchestrator.analysis.statistics import CONFIDENCE
from orchestrator.records import compare_node, sentence
from orchestrator.records.settings import ClusterSettings

Runs = Sequence[Measurement]
FLEET = "× the other nodes"
PEAKS = {
    "matmul": {"float32": "peak_fp32_tflops", "bfloat16": "peak_bf16_tflops"},
    "triad": {"": "memory_gb_per_s"},
}
"""Keys of the profile's ``accelerator`` that a probe's rates are compared with, by quantity and precision."""


def judge_availability(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that the scheduler has every node of the partition in service."""
    nodes = facts["nodes"]
    if nodes["states"] is None:
        return [unmeasurable_finding(check, None, "this scheduler keeps no list of nodes")]
    out = {name: state for name, state in nodes["states"].items() if name in nodes["out_of_service"]}
    return [
        make_finding(
            check,
            None,
            FAIL if len(out) > check.allowed else PASS,
            value=float(len(out)),
            bounds=(None, float(check.allowed)),
            unit="nodes out of service",
            n=len(nodes["states"]),
            named=[Subject("node", name) for name in sorted(out)],
            concerns="infrastructure",
            why=", ".join(f"{name}: {state}" for name, state in sorted(out.items())),
            basis="what is to be accepted must be there",
        )
    ]


def judge_promise(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that every probed node is what the profile promises: the comparison that ranks and ``doctor`` make."""
    cluster = cast("ClusterSettings", facts["cluster"])
    wrong: dict[str, list[str]] = {}
    told = 0
    for run in runs:
        for number, node in run.inventory.items():
            host = run.node_hosts[int(number)]
            compared = compare_node(cluster, node)
            told += any(one["promised"] is not None for one in compared)
            bad = [sentence(cluster, host, one) for one in compared if one["state"] != "ok"]
            if bad:
                wrong[host] = bad
    if not told:
        return [unmeasurable_finding(check, None, "the cluster profile promises nothing that a probe found")]
    return [
        make_finding(
            check,
            None,
            FAIL if len(wrong) > check.allowed else PASS,
            value=float(len(wrong)),
            bounds=(None, float(check.allowed)),
            unit="nodes unlike their profile",
            n=told,
            named=[Subject("node", host) for host in sorted(wrong)],
            concerns="infrastructure",
            why="; ".join(dict.fromkeys(text for host in sorted(wrong) for text in wrong[host])),
            basis="what was promised must be there",
        )
    ]


def judge_correctness(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that every matrix product and every sum over ranks was exact on every rank."""
    probes = [run for run in runs if run.probe is not None]
    if not probes:
        return [unmeasurable_finding(check, None, "no probe completed")]
    wrong = {
        run.hosts[int(rank)]
        for run in probes
        if run.probe
        for rank in np.flatnonzero(~(run.probe["correct"][:, 0] >= 1))
    }
    ranks = sum(len(run.hosts) for run in probes)
    return [
        make_finding(
            check,
            None,
            FAIL if wrong else PASS,
            value=float(len(wrong)),
            bounds=(None, 0.0),
            unit="nodes with wrong results",
            n=ranks,
            named=[Subject("node", host) for host in sorted(wrong)],
            concerns="answer",
            basis="integer results, which float32 holds exactly",
        )
    ]


def judge_nodes(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that no node is slower than the others. A node's rate is divided by the median of the others' in the same
    round.
    """
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.probe is not None and run.nodes > 1:
            rates = whole_rates(run.probe[PROBED[str(check.quantity)]], run.ranks_per_node)
            add_by_host(values, run, relative_to_others(rates))
    return [judge_by_node(check, values, "no probe of several nodes measured it")]


def judge_links(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check that no node's best link is slower than the others', and that no pair of sound nodes has a slow link."""
    values: dict[str, list[float]] = {}
    probes = [run for run in runs if run.probe is not None and run.nodes > 2 and pairs_of(run, check.size)]
    for run in probes:
        add_by_host(values, run, relative_to_others(best_links(pairs_of(run, check.size), run.nodes)))
    found = judge_by_node(check, values, "links can be told apart from three nodes on; none were probed with this size")
    bound = check.bound(None)
    if bound is None or bound["lower"] is None or not probes:
        return [found]
    return [with_bad_links(found, check, probes, 1 + bound["lower"])]


def with_bad_links(found: Finding, check: Check, probes: Runs, least: float) -> Finding:
    """Return the finding, failed if a link between sound nodes is slow in every probe.

    No link is named while repeats are still to tell which nodes are sound: one of its nodes may be at fault.
    """
    if found.needed:
        return found
    faulty = {named.name for named in found.named}
    slow: dict[str, list[float]] = {}
    tested: dict[str, int] = {}
    for run in probes:
        pairs, hosts = pairs_of(run, check.size), run.node_hosts
        sound = [node for node, host in enumerate(hosts) if host not in faulty]
        fleet = float(np.nanmedian(np.max(best_links(pairs, run.nodes), axis=1)[sound])) if sound else float("nan")
        bad = bad_links(pairs, fleet, least, sound)
        for pair in pairs:
            name = "–".join(sorted(hosts[node] for node in pair))
            tested[name] = tested.get(name, 0) + 1
            if pair in bad:
                slow.setdefault(name, []).append(bad[pair])
    named = [Subject("link", name, max(ratios)) for name, ratios in slow.items() if len(ratios) == tested[name]]
    if not named:
        return found
    value = min([found.value or 1.0, *(link.value or 1.0 for link in named)])
    return replace(found, outcome=FAIL, value=value, named=[*found.named, *named], needed=0)


def whole_rates(rates: Floats, ranks_per_node: int) -> Floats:
    """Return ``node_rates`` of (R, K) rates by rank. A node of which fewer ranks have a value than of another one in
    that round is NaN: the slowest may be among those that have none.
    """
    told = np.isfinite(rates).reshape(-1, ranks_per_node, rates.shape[1]).sum(axis=1)
    return np.where(told < told.max(axis=0), np.nan, node_rates(rates, ranks_per_node))


def pairs_of(run: Measurement, size: int | None) -> dict[tuple[int, int], Floats]:
    """Return each pair's rates, (K,) messages/s, for messages of ``size`` bytes; empty if that size was not
    measured.
    """
    sizes = list(run.settings["probe"]["pair_sizes"])
    if run.probe is None or size not in sizes or run.probe["pair_partner"].shape[1] == 0:
        return {}
    seconds = run.probe["pair_seconds"][:, :, sizes.index(size)]
    return pair_rates(run.probe["pair_partner"], seconds, run.ranks_per_node)


def add_by_host(values: dict[str, list[float]], run: Measurement, ratios: Floats) -> None:
    """Append (N, K) ratios to ``values``, by host."""
    for host, row in zip(run.node_hosts, ratios, strict=True):
        values.setdefault(host, []).extend(float(value) for value in row if np.isfinite(value) and value > 0)


def judge_by_node(check: Check, values: Mapping[str, Sequence[float]], otherwise: str) -> Finding:
    """Judge every node, with the error shared out over the nodes. The finding has the worst node's value and names all
    nodes that fail. Where a node of ``values`` was never measured it is at most undecided.
    """
    known = {host: found for host, found in values.items() if found}
    if not known:
        return unmeasurable_finding(check, None, otherwise)
    bound = check.bound(None)
    if bound is None:
        return unmeasurable_finding(check, None, check.problem(None))
    confidence = 1 - (1 - CONFIDENCE) / len(known)
    rule = reference_of(bound, FLEET)
    results = {host: judge_repeats(found, rule, check.looks, confidence) for host, found in known.items()}
    failing = sorted((result.value, host) for host, result in results.items() if result.outcome == FAIL)
    worst = min(results.values(), key=severity_of)
    unsure = sorted(host for host, result in results.items() if result.outcome in (MORE, UNDECIDED))
    why = f"{len(known)} nodes; the value is the worst node's"
    if unsure and not failing:
        why += f"; not decided yet: {first_names(unsure)}"
    unmeasured = sorted(set(values) - set(known))
    if unmeasured:
        why += f"; never measured: {first_names(unmeasured)}"
    found = finding_from_judgement(
        check, None, worst, why=why, named=[Subject("node", host, finite_or_none(value)) for value, host in failing]
    )  # fmt: skip
    return replace(found, outcome=UNDECIDED) if unmeasured and found.outcome == PASS else found


def first_names(names: Sequence[str], most: int = 8) -> str:
    """Return the first of some names, and a mark where there are more."""
    return f"{', '.join(names[:most])}{' …' if len(names) > most else ''}"


def severity_of(result: Judgement) -> tuple[int, float]:
    """Return the sort key of a judgement: failures first, then undecided ones, then the lowest value."""
    return [FAIL, MORE, UNDECIDED, PASS].index(result.outcome), result.value


def judge_peak(check: Check, runs: Runs, facts: MachineFacts) -> list[Finding]:
    """Check a probe's rate as a share of the peak that the cluster profile states."""
    probes = [run for run in runs if run.probe is not None]
    if not probes:
        return [unmeasurable_finding(check, None, "no probe completed")]
    by_precision = PEAKS[str(check.quantity)]
    key = by_precision.get(probes[0].settings["probe"]["precision"], by_precision.get("", ""))
    stated = facts["cluster"]["accelerator"].get(key)
    if not stated:
        return [unmeasurable_finding(check, None, f"the cluster profile states no accelerator.{key}")]
    bound = check.bound(None)
    if bound is None:
        return [unmeasurable_finding(check, None, check.problem(None))]
    rates = [value for run in probes for value in QUANTITIES[str(check.quantity)].values(run, None)]
    if why := why_unusable(str(check.quantity), rates):
        return [unmeasurable_finding(check, None, why)]
    shares = [rate / float(stated) for rate in rates]
    return [finding_from_judgement(check, None, judge_repeats(shares, reference_of(bound, "× peak"), check.looks))]
