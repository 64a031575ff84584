"""The kinds of checks there are, and from resolved checks and measured runs to findings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.acceptance import node_checks, run_checks
from orchestrator.acceptance.findings import MORE, UNDECIDED, Check, Finding
from orchestrator.acceptance.measurements import Measurement
from orchestrator.acceptance.node_checks import PEAKS
from orchestrator.acceptance.quantities import PROBED, QUANTITIES

Function = Callable[[Check, Sequence[Measurement], Mapping[str, Any]], list[Finding]]


@dataclass(frozen=True)
class Kind:
    """A kind of check: what it asks, and what a suite must say for it.

    ``bound``: "needed", "referenced" (looked up in the references where it is not given) or "none"; ``side`` is the one
    that it must have. ``quantities`` are those it takes; ``probes``: its workload must be a probe; ``scales``: it is
    judged by node count; ``sized``: it needs a message size.
    """

    judge: Function
    asks: str
    bound: str = "none"
    side: str | None = None
    quantities: tuple[str, ...] = ()
    probes: bool = False
    scales: bool = True
    sized: bool = False


ALL = tuple(QUANTITIES)
KINDS: dict[str, Kind] = {
    "available": Kind(node_checks.available, "is every node in service", scales=False),
    "correct": Kind(node_checks.correct, "is all arithmetic and communication exact", probes=True, scales=False),
    "nodes_alike": Kind(
        node_checks.nodes_alike, "is no node below the others", "needed", "lower", tuple(PROBED), True, False
    ),
    "links": Kind(node_checks.links, "is no link below the others", "needed", "lower", (), True, False, sized=True),
    "peak": Kind(
        node_checks.peak, "which share of the chip's stated rate", "needed", "lower", tuple(PEAKS), True, False
    ),
    "completed": Kind(run_checks.completed, "did every run end well"),
    "reference": Kind(run_checks.reference, "is it as fast as its reference", "referenced", None, ALL),
    "efficiency": Kind(run_checks.efficiency, "how well does it scale", "needed", "lower"),
    "quality": Kind(run_checks.quality, "did every run reach its quality target"),
    "time_to_accuracy": Kind(run_checks.time_to_accuracy, "how soon is it good", "referenced", "upper"),
    "variation": Kind(run_checks.run_to_run, "are repeats alike", "needed", "upper", ALL),
    "stability": Kind(run_checks.stability, "does nothing fail for hours"),
}  # fmt: skip


def evaluate(
    checks: Sequence[Check], runs: Sequence[Measurement], facts: Mapping[str, Any], final: bool
) -> list[Finding]:
    """Findings of all checks, in order. ``final``: no further repeats will be made, so "needs more" is "undecided".

    A run counts for the checks of the phase that it was made for.
    """
    found: list[Finding] = []
    for check in checks:
        mine = [run for run in runs if run.entry.workload == check.workload and run.entry.phase == check.phase]
        found += KINDS[check.check].judge(check, mine, facts)
    return [conclude(finding) for finding in found] if final else found


def conclude(finding: Finding) -> Finding:
    """What needed more and got no more is undecided."""
    if finding.outcome != MORE:
        return finding
    why = f"{finding.why}; " if finding.why else ""
    return replace(finding, outcome=UNDECIDED, why=f"{why}{finding.n} repeats were made and do not decide")
