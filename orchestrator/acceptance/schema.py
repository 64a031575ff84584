"""Every key of an acceptance suite, ``config/acceptance/NAME.yaml`` or a site's own, with its type and default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass
class WorkloadConfig:
    """What is run: one configuration of a benchmark, with ``overrides`` as on the command line.

    ``nodes``: node counts, of which ``all`` means every node in service; one that the machine does not have is left
    out. ``repeats`` is how often it is run before its checks are looked at first; more are run as they ask for.
    """

    benchmark: str = MISSING
    recipe: str | None = None
    mode: str = "training"
    comm: str = "mpi"
    scale: str = "single"
    nodes: Any = "all"
    repeats: int = 1
    seed: int = 1
    overrides: list[str] = field(default_factory=list)


@dataclass
class BoundConfig:
    """``(value, lower, upper, unit)``: bounds are relative to the value. ``basis`` says why these, ``source``
    whether the value was measured on real or stand-in data (null: it does not depend on data).
    """

    value: float = 1.0
    lower: float | None = None
    upper: float | None = None
    unit: str | None = None
    basis: str = ""
    source: str | None = None


@dataclass
class CheckConfig:
    """One thing that must hold. ``check`` is one of ``kinds.KINDS``, ``workload`` a name in ``workloads``.

    ``bound`` holds on every cluster, ``bound_on`` on those that it names. ``nodes``: node counts to judge, null: all
    that the workload has. ``first`` and ``limit``: repeats before the first look and at most. ``required``: what
    cannot be measured counts as undecided. ``hours``: how long a stability check keeps on.
    """

    check: str = MISSING
    workload: str | None = None
    quantity: str | None = None
    size: int | None = None
    nodes: Any = None
    bound: BoundConfig | None = None
    bound_on: dict[str, BoundConfig] = field(default_factory=dict)
    first: int = 5
    limit: int = 15
    allowed: int = 0
    hours: float = 0.0
    required: bool = False


@dataclass
class PhaseConfig:
    """Checks that belong together; ``stop_on_failure``: when one fails, later phases are not run."""

    name: str = MISSING
    stop_on_failure: bool = False
    checks: list[CheckConfig] = field(default_factory=list)


@dataclass
class SuiteConfig:
    """An acceptance suite. ``clusters``: the machines that it is for, empty: any."""

    name: str = MISSING
    summary: str = ""
    clusters: list[str] = field(default_factory=list)
    workloads: dict[str, WorkloadConfig] = field(default_factory=dict)
    phases: list[PhaseConfig] = field(default_factory=list)


@dataclass
class AcceptConfig:
    """What an ``accept`` command says beside ``cluster``, ``results``, ``store`` and ``watch``, which a run has too.

    ``references``: a file of reference values, laid over the cluster profile's. ``nodes``: how many nodes "all" is,
    null: what the scheduler has in service. ``exclude_faulty``: nodes that the first phase finds faulty take no part in
    later ones. ``stop_on_failure`` holds for every phase. ``name``: of the record and, with a number, of its campaigns.
    """

    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"acceptance@suite": "???"}])
    suite: SuiteConfig = field(default_factory=SuiteConfig)
    nodes: int | None = None
    name: str | None = None
    references: str | None = None
    exclude_faulty: bool = False
    stop_on_failure: bool = False
