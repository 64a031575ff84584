"""Every key of an acceptance suite, ``config/acceptance/NAME.yaml`` or a site's own, with its type and default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass
class WorkloadConfig:
    """One configuration of a benchmark to run, with ``overrides`` as on the command line.

    ``nodes``: node counts; ``all`` means every node in service, and counts that the machine does not have are left out.
    ``repeats``: runs before the first look; checks may ask for more.
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
    """``(value, lower, upper, unit)``; the bounds are relative to the value.

    ``basis`` explains the numbers. ``source`` says whether the value was measured on real or on stand-in data; null: it
    does not depend on data.
    """

    value: float = 1.0
    lower: float | None = None
    upper: float | None = None
    unit: str | None = None
    basis: str = ""
    source: str | None = None


@dataclass
class CheckConfig:
    """One requirement. ``check`` is a key of ``kinds.KINDS``, ``workload`` a key of ``workloads``.

    ``bound`` holds on every cluster, ``bound_on`` on the clusters that it names. ``nodes``: node counts to judge, null:
    all of the workload. ``first`` and ``limit``: repeats before the first look, and the most. ``required``: a result
    that is not measurable counts as undecided. ``hours``: how long a stability check repeats its workload.
    """

    check: str = MISSING
    workload: str | None = None
    quantity: str | None = None
    size: int | None = None
    nodes: Any = None
    bound: BoundConfig | None = None
    bound_on: dict[str, BoundConfig] = field(default_factory=dict)
    first: int = 5
    limit: int = 20
    allowed: int = 0
    hours: float = 0.0
    required: bool = False


@dataclass
class PhaseConfig:
    """Checks that belong together. ``stop_on_failure``: later phases are not run once one of them fails."""

    name: str = MISSING
    stop_on_failure: bool = False
    checks: list[CheckConfig] = field(default_factory=list)


@dataclass
class SuiteConfig:
    """An acceptance suite. ``clusters``: the machines that it is for; empty: any machine."""

    name: str = MISSING
    summary: str = ""
    clusters: list[str] = field(default_factory=list)
    workloads: dict[str, WorkloadConfig] = field(default_factory=dict)
    phases: list[PhaseConfig] = field(default_factory=list)


@dataclass
class AcceptConfig:
    """Keys of an ``accept`` command beside ``cluster``, ``results``, ``store`` and ``watch``, which runs have too.

    ``references``: a file of reference values, which take precedence over the cluster profile's. ``nodes``: the node
    count that "all" means, null: the nodes in service. ``exclude_faulty``: nodes that the first phase finds faulty are
    left out later. ``stop_on_failure``: holds for every phase. ``name``: of the record and, with a number, of its
    campaigns.
    """

    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"acceptance@suite": "???"}])
    suite: SuiteConfig = field(default_factory=SuiteConfig)
    nodes: int | None = None
    name: str | None = None
    references: str | None = None
    exclude_faulty: bool = False
    stop_on_failure: bool = False
