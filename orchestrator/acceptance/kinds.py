"""The table of check kinds, and their evaluation: from resolved checks and measured runs to findings. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from orchestrator.acceptance import node_checks, run_checks
from orchestrator.acceptance.findings import MORE, UNDECIDED, Check, Finding
from orchestrator.acceptance.measurements import Measurement
from orchestrator.acceptance.node_checks import PEAKS
from orchestrator.acceptance.quantities import PROBED, QUANTITIES
from orchestrator.acceptance.suite_entries import MachineFacts

Function = Callable[[Check, Sequence[Measurement], MachineFacts], list[Finding]]


@dataclass(frozen=True)
class Kind:
    """A kind of check: the question that it answers, and what a suite must state for it.

    ``bound``: "needed", "referenced" (looked up in the references unless the suite gives one) or "none". ``side``: the
    side that the bound must have. ``quantities``: the quantities that it accepts. ``probes``: its workload must be a
    probe. ``scales``: it is judged at each node count. ``sized``: it needs a message size.
    """

    judge: Function
    asks: str
    bound: str = "none"
    side: Literal["lower", "upper"] | None = None
    quantities: tuple[str, ...] = ()
    probes: bool = False
    scales: bool = True
    sized: bool = False


ALL = tuple(QUANTITIES)
KINDS: dict[str, Kind] = {
    "available": Kind(node_checks.judge_availability, "is every node in service", scales=False),
    "as_promised": Kind(
        node_checks.judge_promise, "is every node what its profile says", probes=True, scales=False
    ),
    "correct": Kind(
        node_checks.judge_correctness, "is all arithmetic and communication exact", probes=True, scales=False
    ),
    "nodes_alike": Kind(
        node_checks.judge_nodes, "is no node below the others", bound="needed", side="lower",
        quantities=tuple(PROBED), probes=True, scales=False,
    ),
    "links": Kind(
        node_checks.judge_links, "is no link below the others", bound="needed", side="lower",
        probes=True, scales=False, sized=True,
    ),
    "peak": Kind(
        node_checks.judge_peak, "which share of the chip's stated rate", bound="needed", side="lower",
        quantities=tuple(PEAKS), probes=True, scales=False,
    ),
    "completed": Kind(run_checks.judge_completion, "did every run end well"),
    "reference": Kind(
        run_checks.judge_reference, "is it as fast as its reference", bound="referenced", quantities=ALL
    ),
    "efficiency": Kind(run_checks.judge_scaling, "how well does it scale", bound="needed", side="lower"),
    "quality": Kind(run_checks.judge_quality, "did every run reach its quality target"),
    "time_to_accuracy": Kind(
        run_checks.judge_time_to_accuracy, "how soon is it good", bound="referenced", side="upper"
    ),
    "variation": Kind(run_checks.judge_variation, "are repeats alike", bound="needed", side="upper", quantities=ALL),
    "stability": Kind(run_checks.judge_stability, "does nothing fail for hours"),
}  # fmt: skip


def evaluate_checks(
    checks: Sequence[Check], runs: Sequence[Measurement], facts: MachineFacts, final: bool
) -> list[Finding]:
    """Return the findings of all checks, in order.

    ``final`` says that no repeats will follow, so "needs more" becomes "undecided". A run counts only for checks of the
    phase that it was made for.
    """
    found: list[Finding] = []
    for check in checks:
        mine = [run for run in runs if run.entry.workload == check.workload and run.entry.phase == check.phase]
        found += KINDS[check.check].judge(check, mine, facts)
    return [conclude_finding(finding) for finding in found] if final else found


def conclude_finding(finding: Finding) -> Finding:
    """Return the finding; "needs more" becomes "undecided"."""
    if finding.outcome != MORE:
        return finding
    why = f"{finding.why}; " if finding.why else ""
    further = f": {finding.needed} more may, if they are like these" if finding.needed else ""
    return replace(finding, outcome=UNDECIDED, why=f"{why}{finding.n} repeats were made and do not decide{further}")
