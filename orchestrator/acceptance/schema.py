"""Every key of an acceptance suite, ``config/acceptance/NAME.yaml`` or a site's own, with its type and default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING

from orchestrator.analysis.judgement import FIRST, LIMIT


@dataclass
class WorkloadConfig:
    """One configuration of a benchmark to run."""

    benchmark: str = MISSING
    """Benchmark that is run."""
    recipe: str | None = None
    """Its recipe; null: the one that the profile or the schema chooses."""
    mode: str = "training"
    """What is measured: training, inference, probe or noop."""
    comm: str = "mpi"
    """What averages gradients: horovod, mpi or torch."""
    scale: str = "single"
    """How the node count varies: single, weak or strong."""
    nodes: Any = "all"
    """A node count or a list of them; "all" is every node in service, and larger counts are left out."""
    repeats: int = 1
    """Runs of each node count before the first look; checks may ask for more."""
    seed: int = 1
    """Seed of the first run of each node count."""
    overrides: list[str] = field(default_factory=list)
    """Further words, as on the command line of a run."""


@dataclass
class BoundConfig:
    """A bound: a value, and limits relative to it."""

    value: float = 1.0
    """Value that the limits are relative to."""
    lower: float | None = None
    """Lowest passing result, as a change relative to the value; null: there is none."""
    upper: float | None = None
    """Highest passing result, as a change relative to the value; null: there is none."""
    unit: str | None = None
    """Unit of the value."""
    basis: str = ""
    """Where the numbers are from."""
    source: str | None = None
    """Data that the value was measured on: real or stand-in; null: it does not depend on data."""


@dataclass
class CheckConfig:
    """One requirement."""

    check: str = MISSING
    """Kind of the check, a key of ``kinds.KINDS``."""
    workload: str | None = None
    """Name of a workload of the suite."""
    quantity: str | None = None
    """Quantity that is judged; null: the kind of check has one."""
    size: int | None = None
    """Size of a message, bytes, for checks of messages."""
    nodes: Any = None
    """Node counts to judge; null: all of the workload."""
    bound: BoundConfig | None = None
    """Bound on every cluster that ``bound_on`` does not name."""
    bound_on: dict[str, BoundConfig] = field(default_factory=dict)
    """Bounds by the name of a cluster; they win over ``bound``."""
    first: int = FIRST
    """Repeats before the first look."""
    limit: int = LIMIT
    """The most repeats."""
    allowed: int = 0
    """How many nodes or runs may fail."""
    hours: float = 0.0
    """How long a stability check repeats its workload, h."""
    required: bool = False
    """Count a result that is not measurable as undecided."""


@dataclass
class PhaseConfig:
    """Checks that belong together."""

    name: str = MISSING
    """Name of the phase."""
    stop_on_failure: bool = False
    """Do not run later phases once a check of this one fails."""
    checks: list[CheckConfig] = field(default_factory=list)
    """The checks."""


@dataclass
class SuiteConfig:
    """An acceptance suite."""

    name: str = MISSING
    """Name of the suite: that of its file, which is taken if none is given."""
    summary: str = ""
    """What it is for, in a line."""
    clusters: list[str] = field(default_factory=list)
    """Machines that it is for; with none named, any machine."""
    workloads: dict[str, WorkloadConfig] = field(default_factory=dict)
    """What is run, by name."""
    phases: list[PhaseConfig] = field(default_factory=list)
    """What is judged, in this order."""


@dataclass
class AcceptConfig:
    """Keys of an ``accept`` command beside ``cluster``, ``results``, ``store`` and ``watch``, which runs have too."""

    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"acceptance@suite": "???"}])
    """Groups that the configuration is composed from; Hydra uses this key up."""
    suite: SuiteConfig = field(default_factory=SuiteConfig)
    """The suite."""
    nodes: int | None = None
    """Node count that "all" means; null: that of the nodes in service."""
    name: str | None = None
    """Name of the record and, with a number, of its campaigns; null: made of the time, the suite and the cluster."""
    references: str | None = None
    """File of reference values; they win over the cluster profile's."""
    exclude_faulty: bool = False
    """Leave out of later phases the nodes that a phase finds faulty."""
    stop_on_failure: bool = False
    """Have ``stop_on_failure`` in every phase."""
