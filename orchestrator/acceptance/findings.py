"""Findings: the outcome of each check, and the check as it was resolved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.acceptance.entries import CheckEntry
from orchestrator.acceptance.measurements import LOST, Measurement
from orchestrator.acceptance.suite_entries import Bound
from orchestrator.analysis.judgement import Judgement, Looks, Reference
from orchestrator.errors import EXIT_FAILED, EXIT_INFRASTRUCTURE, EXIT_OK, EXIT_REFERENCE_MISSED, EXIT_WRONG_ANSWER
from orchestrator.records.spec import known_fields

PASS, FAIL, UNDECIDED, UNMEASURABLE, MORE = "pass", "fail", "undecided", "not measurable", "needs more"
OUTCOMES = (PASS, FAIL, UNDECIDED, UNMEASURABLE)
CODES = {
    "run": EXIT_FAILED,
    "answer": EXIT_WRONG_ANSWER,
    "infrastructure": EXIT_INFRASTRUCTURE,
    "performance": EXIT_REFERENCE_MISSED,
}
"""Exit code of a failed check by what it concerns."""


@dataclass(frozen=True)
class Subject:
    """A node, a link ("n1–n2") or a run that a finding names, with its own ``value`` in the finding's unit."""

    what: str
    name: str
    value: float | None = None


@dataclass(frozen=True)
class Check:
    """A check of a suite, resolved. ``bounds`` maps node counts, as text, to bounds; "*" stands for every node count.
    ``problems`` says in the same way why a bound is missing.
    """

    phase: str
    check: str
    workload: str | None
    quantity: str | None
    size: int | None
    nodes: list[int]
    bounds: dict[str, Bound]
    problems: dict[str, str]
    first: int
    limit: int
    allowed: int
    hours: float
    required: bool

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> Check:
        """Return the check that ``asdict`` turned into ``values``. Raises RecordError naming a key that is missing or
        of another type.
        """
        return cls(**known_fields(cls, values))

    def bound(self, nodes: int | None) -> Bound | None:
        """Return the bound at a node count, or None."""
        return self.bounds.get(str(nodes)) or self.bounds.get("*")

    def problem(self, nodes: int | None) -> str:
        """Return why there is no bound at a node count."""
        return self.problems.get(str(nodes)) or self.problems.get("*") or "the suite gives no bound"

    @property
    def looks(self) -> Looks:
        """The numbers of repeats after which the check is judged."""
        return Looks(self.first, self.limit)


def reference_of(bound: Bound, unit: str = "") -> Reference:
    """Return a bound as the judge's Reference. Raises ValueError for a bound that no value can meet."""
    return Reference(bound["value"], bound["lower"], bound["upper"], bound["unit"] or unit)


@dataclass
class Finding:
    """One line of a verdict.

    ``interval`` and ``bounds`` are in ``unit``; an end is None where it is infinite or unknown. ``concerns`` is a key
    of CODES. ``needed`` estimates how many further repeats would decide the check; ``limit`` is the most that it
    allows.
    """

    phase: str
    check: str
    workload: str | None
    quantity: str | None
    nodes: int | None
    size: int | None
    outcome: str
    value: float | None = None
    interval: tuple[float | None, float | None] | None = None
    bounds: tuple[float | None, float | None] | None = None
    unit: str = ""
    n: int = 0
    basis: str = ""
    why: str = ""
    named: list[Subject] = field(default_factory=list)
    concerns: str = "performance"
    needed: int = 0
    limit: int = 0
    required: bool = False

    @property
    def identity(self) -> str:
        """A name that no other finding of the verdict has: phase/check/workload/quantity/size/nodes."""
        parts = [self.phase, self.check, self.workload, self.quantity, self.size and f"{self.size}B"]
        parts.append(self.nodes and f"n{self.nodes}")
        return "/".join(str(part) for part in parts if part)

    @property
    def code(self) -> int:
        """The exit code that this finding alone would give. An undecided check is not a passed one."""
        if self.outcome == FAIL:
            return CODES[self.concerns]
        undecided = self.outcome == UNDECIDED or (self.outcome == UNMEASURABLE and self.required)
        return EXIT_REFERENCE_MISSED if undecided else EXIT_OK

    def to_entry(self) -> CheckEntry:
        """Return the finding as verdict.json holds it."""
        return {
            "id": self.identity,
            "phase": self.phase,
            "check": self.check,
            "workload": self.workload,
            "quantity": self.quantity,
            "nodes": self.nodes,
            "size": self.size,
            "outcome": self.outcome,
            "value": self.value,
            "interval": None if self.interval is None else list(self.interval),
            "bounds": None if self.bounds is None else list(self.bounds),
            "unit": self.unit,
            "n": self.n,
            "basis": self.basis,
            "why": self.why,
            "named": [{"what": one.what, "name": one.name, "value": one.value} for one in self.named],
            "concerns": self.concerns,
            "required": self.required,
        }


def make_finding(check: Check, nodes: int | None, outcome: str, **more: Any) -> Finding:
    """Return a finding with the check's names and the basis of its bound."""
    bound = check.bound(nodes)
    more.setdefault("basis", bound["basis"] if bound else "")
    return Finding(
        check.phase, check.check, check.workload, check.quantity, nodes, check.size, outcome,
        limit=check.limit, required=check.required, **more,
    )  # fmt: skip


def unmeasurable_finding(check: Check, nodes: int | None, why: str) -> Finding:
    """Return the finding that the check could not be measured, for the reason ``why``."""
    return make_finding(check, nodes, UNMEASURABLE, why=why)


def finding_from_judgement(check: Check, nodes: int | None, judgement: Judgement, **more: Any) -> Finding:
    """Return a finding with the judgement's value, interval and outcome."""
    interval = None if judgement.n < 2 else finite_pair(judgement.interval)
    return make_finding(
        check, nodes, judgement.outcome, value=finite_or_none(judgement.value), interval=interval,
        bounds=finite_pair(judgement.bounds), unit=judgement.unit, n=judgement.n, needed=judgement.needed, **more,
    )  # fmt: skip


def finite_or_none(value: float | None) -> float | None:
    """Return the value, or None for infinity and NaN, which JSON cannot hold."""
    return None if value is None or not math.isfinite(value) else float(value)


def finite_pair(pair: Sequence[float]) -> tuple[float | None, float | None]:
    """Return both ends, None for an infinite one."""
    return finite_or_none(pair[0]), finite_or_none(pair[1])


def failed_runs(runs: Sequence[Measurement]) -> tuple[list[Subject], str]:
    """Return the runs that did not complete, and their kind: "infrastructure" if the machine failed all of them,
    otherwise "run".
    """
    failed = [run for run in runs if not run.completed]
    concerns = "infrastructure" if failed and all(run.state in LOST for run in failed) else "run"
    return [Subject("run", f"{run.entry.campaign}/{run.entry.run}") for run in failed], concerns
