"""What the document of a verdict is made of: ``verdict.schema.json`` as types. A test holds the two together."""

from __future__ import annotations

from typing import Literal, TypedDict

Ends = list[float | None]
"""Low and high end; null where there is none."""


class SubjectEntry(TypedDict):
    """A node, link or run that a check names."""

    what: str
    name: str
    value: float | None


class CheckEntry(TypedDict):
    """The finding of one check: what was measured, against which bounds, and who is to blame."""

    id: str
    phase: str
    check: str
    workload: str | None
    quantity: str | None
    nodes: int | None
    size: int | None
    outcome: str
    value: float | None
    interval: Ends | None
    bounds: Ends | None
    unit: str
    n: int
    basis: str
    why: str
    named: list[SubjectEntry]
    concerns: str
    required: bool


class PhaseEntry(TypedDict):
    """A phase of the suite, and whether it came to run."""

    name: str
    ran: bool
    outcome: str


class FaultyEntry(TypedDict):
    """Names of the nodes and links that failed checks name."""

    nodes: list[str]
    links: list[str]


class LeftOut(TypedDict):
    """A node that later phases did without, after which phase and for which check."""

    node: str
    after: str
    by: str


class VerdictFacts(TypedDict):
    """What every verdict says; ``counts`` are of checks by their outcome, ``days`` (UTC) those of the runs."""

    schema: Literal["orchestrator.verdict/1"]
    suite: str
    cluster: str
    name: str
    started: float
    ended: float
    outcome: str
    exit_code: int
    counts: dict[str, int]
    phases: list[PhaseEntry]
    checks: list[CheckEntry]
    faulty: FaultyEntry
    left_out: list[LeftOut]
    nodes: list[str]
    campaigns: list[str]
    runs: int
    days: int


class VerdictDocument(VerdictFacts, total=False):
    """A verdict. ``record`` is the folder of its record; only in what is printed."""

    record: str
