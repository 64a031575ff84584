"""What a check comes to, and what it is judged by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.acceptance.measurements import LOST, Measurement
from orchestrator.analysis.judgement import Judgement, Looks, Reference
from orchestrator.errors import EXIT_FAILED, EXIT_INFRASTRUCTURE, EXIT_OK, EXIT_REFERENCE_MISSED, EXIT_WRONG_ANSWER

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
class Named:
    """Whom a finding is about: a node, a link ("n1–n2") or a run; ``value`` in the finding's unit."""

    what: str
    name: str
    value: float | None = None


@dataclass(frozen=True)
class Check:
    """A check as resolved: ``bounds`` by node count as text, "*" where they do not depend on it; ``problem`` says why
    there is none where there should be.
    """

    phase: str
    check: str
    workload: str | None
    quantity: str | None
    size: int | None
    nodes: list[int]
    bounds: Mapping[str, Mapping[str, Any]]
    problems: Mapping[str, str]
    first: int
    limit: int
    allowed: int
    hours: float
    required: bool

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Check:
        """The inverse of ``asdict``."""
        return cls(**values)

    def bound(self, nodes: int | None) -> Mapping[str, Any] | None:
        """The bound at a node count."""
        return self.bounds.get(str(nodes)) or self.bounds.get("*")

    def problem(self, nodes: int | None) -> str:
        """Why there is no bound."""
        return self.problems.get(str(nodes)) or self.problems.get("*") or "the suite gives no bound"

    @property
    def looks(self) -> Looks:
        """How often it may be looked at."""
        return Looks(self.first, self.limit)


def reference_of(bound: Mapping[str, Any], unit: str = "") -> Reference:
    """The judge's reference. Raises ValueError as it does."""
    return Reference(bound["value"], bound["lower"], bound["upper"], bound["unit"] or unit)


@dataclass
class Finding:
    """One line of a verdict. ``interval`` and ``bounds`` are in ``unit``, null where unbounded or unknown; ``concerns``
    is a key of CODES; ``needed``: repeats that would probably decide.
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
    named: list[Named] = field(default_factory=list)
    concerns: str = "performance"
    needed: int = 0
    required: bool = False

    @property
    def identity(self) -> str:
        """A name that tells it from all others of its verdict."""
        parts = [self.phase, self.check, self.workload, self.quantity, self.size and f"{self.size}B"]
        parts.append(self.nodes and f"n{self.nodes}")
        return "/".join(str(part) for part in parts if part)

    @property
    def code(self) -> int:
        """What it does to the exit code. What could not be decided is not accepted."""
        if self.outcome == FAIL:
            return CODES[self.concerns]
        undecided = self.outcome == UNDECIDED or (self.outcome == UNMEASURABLE and self.required)
        return EXIT_REFERENCE_MISSED if undecided else EXIT_OK

    def to_dict(self) -> dict[str, Any]:
        """As it stands in verdict.json."""
        values = asdict(self)
        values.pop("needed")
        for name in ("interval", "bounds"):
            values[name] = None if values[name] is None else list(values[name])
        return {"id": self.identity, **values}


def finding(check: Check, nodes: int | None, outcome: str, **more: Any) -> Finding:
    """A finding of a check."""
    bound = check.bound(nodes)
    more.setdefault("basis", bound["basis"] if bound else "")
    return Finding(
        check.phase, check.check, check.workload, check.quantity, nodes, check.size, outcome,
        required=check.required, **more,
    )  # fmt: skip


def unmeasurable(check: Check, nodes: int | None, why: str) -> Finding:
    """It cannot be told, and why."""
    return finding(check, nodes, UNMEASURABLE, why=why)


def judged(check: Check, nodes: int | None, judgement: Judgement, **more: Any) -> Finding:
    """A finding from a judgement."""
    interval = None if judgement.n < 2 else span(judgement.interval)
    return finding(
        check, nodes, judgement.outcome, value=finite(judgement.value), interval=interval,
        bounds=span(judgement.bounds), unit=judgement.unit, n=judgement.n, needed=judgement.needed, **more,
    )  # fmt: skip


def finite(value: float | None) -> float | None:
    """None for what JSON has no number for."""
    return None if value is None or not math.isfinite(value) else float(value)


def span(pair: Sequence[float]) -> tuple[float | None, float | None]:
    """Both ends, None where infinite."""
    return finite(pair[0]), finite(pair[1])


def failures(runs: Sequence[Measurement]) -> tuple[list[Named], str]:
    """The runs that did not complete, and what they concern: the machine if only its failures are among them."""
    failed = [run for run in runs if not run.completed]
    concerns = "infrastructure" if failed and all(run.state in LOST for run in failed) else "run"
    return [Named("run", f"{run.entry.campaign}/{run.entry.run}") for run in failed], concerns
