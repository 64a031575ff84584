"""What a suite is made of: its keys as composed (``schema.py`` with their values), and what suite.json holds of it."""

from __future__ import annotations

from typing import TypedDict


class Bound(TypedDict):
    """What a value is held against; ``lower`` and ``upper`` are relative to ``value``, null where nothing bounds it."""

    value: float
    lower: float | None
    upper: float | None
    unit: str | None
    basis: str
    source: str | None


class WorkloadSettings(TypedDict):
    """One configuration of a benchmark to run. ``nodes``: a node count or "all", or a list of these."""

    benchmark: str
    recipe: str | None
    mode: str
    comm: str
    scale: str
    nodes: object
    repeats: int
    seed: int
    overrides: list[str]


class CheckSettings(TypedDict):
    """One requirement. ``nodes``: a node count or "all", or a list of these; null: all of the workload."""

    check: str
    workload: str | None
    quantity: str | None
    size: int | None
    nodes: object
    bound: Bound | None
    bound_on: dict[str, Bound]
    first: int
    limit: int
    allowed: int
    hours: float
    required: bool


class PhaseSettings(TypedDict):
    """Checks that belong together."""

    name: str
    stop_on_failure: bool
    checks: list[CheckSettings]


class SuiteSettings(TypedDict):
    """A suite as its file says it."""

    name: str
    summary: str
    clusters: list[str]
    workloads: dict[str, WorkloadSettings]
    phases: list[PhaseSettings]


class AcceptSettings(TypedDict):
    """An ``accept`` command, without what its runs take."""

    suite: SuiteSettings
    nodes: int | None
    name: str | None
    references: str | None
    exclude_faulty: bool
    stop_on_failure: bool


class SuitePhase(TypedDict):
    """A phase as it is run: the command may stop every phase on failure."""

    name: str
    stop_on_failure: bool


class MachineNodes(TypedDict):
    """The nodes by state, null where the scheduler keeps no list; ``count`` is what "all" means."""

    states: dict[str, str] | None
    out_of_service: list[str]
    left_out: list[str]
    count: int


class MachineProfile(TypedDict, total=False):
    """What is used of the resolved profile: its name, and the facts of one accelerator."""

    name: str
    description: str
    accelerator: dict[str, float | str | None]


class MachineFacts(TypedDict):
    """What checks know of the machine beside its runs: its nodes, and its profile."""

    nodes: MachineNodes
    cluster: MachineProfile


class SuiteDocument(MachineFacts):
    """suite.json, as far as it is read again; ``checks`` are those of ``findings.Check``."""

    name: str
    record: str
    phases: list[SuitePhase]
    checks: list[dict[str, object]]
