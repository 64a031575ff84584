"""Checks on nodes and links: in service, right, alike, and as fast as their makers say. Whoever fails is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from orchestrator.acceptance.findings import (
    FAIL,
    MORE,
    PASS,
    UNDECIDED,
    Check,
    Finding,
    Named,
    finding,
    finite,
    judged,
    reference_of,
    unmeasurable,
)
from orchestrator.acceptance.measurements import Measurement
from orchestrator.acceptance.quantities import PROBED, QUANTITIES
from orchestrator.analysis.fleet import bad_links, best_links, node_rates, pair_rates, relative_to_others
from orchestrator.analysis.judgement import Judgement, judge_repeats
from orchestrator.analysis.statistics import CONFIDENCE

Runs = Sequence[Measurement]
FLEET = "× the other nodes"
PEAKS = {
    "matmul": {"float32": "peak_fp32_tflops", "bfloat16": "peak_bf16_tflops"},
    "triad": {"": "memory_gb_per_s"},
}
"""The accelerator's facts in a cluster profile that a probe's rates are held against, by quantity and precision."""


def available(check: Check, runs: Runs, facts: Mapping[str, Any]) -> list[Finding]:
    """The scheduler has every node of the partition in service."""
    nodes = facts["nodes"]
    if nodes["states"] is None:
        return [unmeasurable(check, None, "this scheduler keeps no list of nodes")]
    out = {name: state for name, state in nodes["states"].items() if name in nodes["out_of_service"]}
    return [
        finding(
            check,
            None,
            FAIL if len(out) > check.allowed else PASS,
            value=float(len(out)),
            bounds=(None, float(check.allowed)),
            unit="nodes out of service",
            n=len(nodes["states"]),
            named=[Named("node", name) for name in sorted(out)],
            concerns="infrastructure",
            why=", ".join(f"{name}: {state}" for name, state in sorted(out.items())),
            basis="what is to be accepted must be there",
        )
    ]


def correct(check: Check, runs: Runs, facts: Mapping[str, Any]) -> list[Finding]:
    """Every product of matrices and every sum over ranks was exact on every rank."""
    probes = [run for run in runs if run.probe is not None]
    if not probes:
        return [unmeasurable(check, None, "no probe completed")]
    wrong = {
        run.hosts[int(rank)] for run in probes if run.probe for rank in np.flatnonzero(run.probe["correct"][:, 0] < 1)
    }
    ranks = sum(len(run.hosts) for run in probes)
    return [
        finding(
            check,
            None,
            FAIL if wrong else PASS,
            value=float(len(wrong)),
            bounds=(None, 0.0),
            unit="nodes with wrong results",
            n=ranks,
            named=[Named("node", host) for host in sorted(wrong)],
            concerns="answer",
            basis="integer results, which float32 holds exactly",
        )
    ]


def nodes_alike(check: Check, runs: Runs, facts: Mapping[str, Any]) -> list[Finding]:
    """No node's rate is below the others', each compared with the median of the others round by round."""
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.probe is not None and run.nodes > 1:
            ratios = relative_to_others(node_rates(run.probe[PROBED[str(check.quantity)]], run.ranks_per_node))
            collect(values, run, ratios)
    return [by_node(check, values, "no probe of several nodes measured it")]


def links(check: Check, runs: Runs, facts: Mapping[str, Any]) -> list[Finding]:
    """No node's best link is slow beside those of the others, and no pair of sound nodes has a slow link."""
    values: dict[str, list[float]] = {}
    probes = [run for run in runs if run.probe is not None and run.nodes > 2 and pairs_of(run, check.size)]
    for run in probes:
        collect(values, run, relative_to_others(best_links(pairs_of(run, check.size), run.nodes)))
    found = by_node(check, values, "links can be told apart from three nodes on; none were probed with this size")
    bound = check.bound(None)
    if bound is None or bound["lower"] is None or not probes:
        return [found]
    return [with_bad_links(found, check, probes, 1 + bound["lower"])]


def with_bad_links(found: Finding, check: Check, probes: Runs, least: float) -> Finding:
    """The finding with the links between sound nodes that are slow in every probe, which make it a fail.

    As long as more repeats are to say which nodes are sound, no link is blamed: it may be one of its nodes.
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
    named = [Named("link", name, max(ratios)) for name, ratios in slow.items() if len(ratios) == tested[name]]
    if not named:
        return found
    value = min([found.value or 1.0, *(link.value or 1.0 for link in named)])
    return replace(found, outcome=FAIL, value=value, named=[*found.named, *named], needed=0)


def pairs_of(run: Measurement, size: int | None) -> dict[tuple[int, int], Any]:
    """(K,) rates of the run's pairs for messages of a size; empty where it has none."""
    sizes = list(run.settings["probe"]["pair_sizes"])
    if run.probe is None or size not in sizes or run.probe["pair_partner"].shape[1] == 0:
        return {}
    seconds = run.probe["pair_seconds"][:, :, sizes.index(size)]
    return pair_rates(run.probe["pair_partner"], seconds, run.ranks_per_node)


def collect(values: dict[str, list[float]], run: Measurement, ratios: Any) -> None:
    """Add (N, K) ratios to what is known of each host."""
    for host, row in zip(run.node_hosts, ratios, strict=True):
        values.setdefault(host, []).extend(float(value) for value in row if np.isfinite(value) and value > 0)


def by_node(check: Check, values: Mapping[str, Sequence[float]], otherwise: str) -> Finding:
    """Judge every node, the error shared out over them; the finding is that of the worst and names all that fail."""
    known = {host: found for host, found in values.items() if found}
    if not known:
        return unmeasurable(check, None, otherwise)
    bound = check.bound(None)
    if bound is None:
        return unmeasurable(check, None, check.problem(None))
    confidence = 1 - (1 - CONFIDENCE) / len(known)
    rule = reference_of(bound, FLEET)
    results = {host: judge_repeats(found, rule, check.looks, confidence) for host, found in known.items()}
    failing = sorted((result.value, host) for host, result in results.items() if result.outcome == FAIL)
    worst = min(results.values(), key=severity)
    unsure = sorted(host for host, result in results.items() if result.outcome in (MORE, UNDECIDED))
    why = f"{len(known)} nodes; the value is the worst node's"
    if unsure and not failing:
        why += f"; not decided yet: {', '.join(unsure[:8])}{' …' if len(unsure) > 8 else ''}"
    return judged(
        check, None, worst, why=why, named=[Named("node", host, finite(value)) for value, host in failing]
    )  # fmt: skip


def severity(result: Judgement) -> tuple[int, float]:
    """Failures first, then what is not decided, then the lowest value."""
    return [FAIL, MORE, UNDECIDED, PASS].index(result.outcome), result.value


def peak(check: Check, runs: Runs, facts: Mapping[str, Any]) -> list[Finding]:
    """A probe's rate as a share of what the chip's maker states, from the cluster profile."""
    probes = [run for run in runs if run.probe is not None]
    if not probes:
        return [unmeasurable(check, None, "no probe completed")]
    by_precision = PEAKS[str(check.quantity)]
    key = by_precision.get(probes[0].settings["probe"]["precision"], by_precision.get("", ""))
    stated = facts["cluster"]["accelerator"].get(key)
    if not stated:
        return [unmeasurable(check, None, f"the cluster profile states no accelerator.{key}")]
    bound = check.bound(None)
    if bound is None:
        return [unmeasurable(check, None, check.problem(None))]
    shares = [value / stated for run in probes for value in QUANTITIES[str(check.quantity)].values(run, None)]
    return [judged(check, None, judge_repeats(shares, reference_of(bound, "× peak"), check.looks))]
