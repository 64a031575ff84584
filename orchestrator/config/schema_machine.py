"""Every key of the group ``cluster``, its type and its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.defaults import MISSING


@dataclass
class PathsConfig:
    """Where things are kept. Relative paths are taken from where the command is given; ``~`` and ``$VARIABLE`` are what
    they are in a shell.

    ``scratch`` is a folder on each node's own disk, such as "/local/$USER" (variables are the node's): where it is set,
    training reads a copy of the data there, which one rank a node makes if an earlier run has not.
    """

    results: str = "results"
    data: str = "data"
    scratch: str | None = None


@dataclass
class LimitsConfig:
    """When to give up, and how often to ask. ``max_jobs`` are in flight at a time. The scheduler is asked for all of
    them at once every ``query_s``, less often (up to every ``longest_query_s``) while it has no news; a job that it
    does not know, or that is silent while it does not answer, is lost after ``lost_s``. ``silence_s``: a run whose
    ranks make no progress for so long is ended as hung; before training starts (imports, rendezvous, staging)
    ``startup_silence_s`` holds instead. ``warning_s`` before the time limit, or at half of it if that is later, the
    ranks checkpoint and stop, and another attempt goes on from there: ``max_attempts`` in all. A job that waits for
    what never comes by itself (it is held, a limit of the partition, …) is given up after ``stuck_s``.
    """

    time_min: int = 60
    silence_s: float = 120.0
    startup_silence_s: float = 300.0
    max_jobs: int = 100
    max_attempts: int = 3
    query_s: float = 5.0
    longest_query_s: float = 60.0
    lost_s: float = 120.0
    stuck_s: float = 3600.0
    warning_s: float = 90.0


@dataclass
class AcceleratorConfig:
    """Facts of one accelerator, with their source: what a measured rate is compared with."""

    model: str = ""
    memory_gib: float | None = None
    peak_bf16_tflops: float | None = None
    peak_fp32_tflops: float | None = None
    memory_gb_per_s: float | None = None
    source: str = ""


@dataclass
class InterconnectConfig:
    """Facts of the network between nodes, with their source."""

    name: str = ""
    gb_per_s_per_node: float | None = None
    latency_us: float | None = None
    interface: str | None = None
    source: str = ""


@dataclass
class SlurmConfig:
    """What goes to Slurm. Unset keys are not passed on. ``exclude_failed_nodes``: a run that ended by the failure of a
    node is submitted again without that node, as long as it has attempts left. ``requeue``: an attempt that was stopped
    is put back into the queue by Slurm; else the orchestrator submits the next one as a new job. ``additional`` has
    further options of sbatch by their long names, with "true" for one that takes no value.
    """

    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    reservation: str | None = None
    constraint: str | None = None
    wckey: str | None = None
    gres: str | None = None
    gpus_per_node: int | None = None
    memory_gb: float | None = None
    exclusive: bool = False
    exclude: str | None = None
    exclude_failed_nodes: bool = False
    requeue: bool = True
    additional: dict[str, str] = field(default_factory=dict)


@dataclass
class ClusterConfig:
    """One machine: ``cluster_profiles/NAME.yaml``.

    ``cores_per_node`` null means: as many as this machine has. On a machine with a scheduler every node has that many;
    under ``scheduler: local`` all "nodes" share them. ``bind_ranks`` gives each rank cores of its own, on this machine
    and under mpirun. Slurm binds the ranks of srun.
    ``one_machine``: the "nodes" are parts of one machine: probes measure them in turn, projections share its cores.
    What is stated of a node, the ranks compare with what they find: ``architecture`` (x86_64, aarch64, ppc64le,
    riscv64), cores, ``memory_gib_per_node``, accelerators, interface. Null promises nothing.
    """

    name: str = MISSING
    description: str = ""
    scheduler: str = "slurm"
    launcher: str = "srun"
    pmi: str = "pmix"
    launcher_options: list[str] = field(default_factory=list)
    ranks_per_node: int = 1
    architecture: str | None = None
    cores_per_node: int | None = None
    memory_gib_per_node: float | None = None
    accelerators_per_node: int = 0
    accelerator: AcceleratorConfig = field(default_factory=AcceleratorConfig)
    interconnect: InterconnectConfig = field(default_factory=InterconnectConfig)
    threads_per_rank: int | None = None
    bind_ranks: bool = True
    one_machine: bool = False
    environment: dict[str, str] = field(default_factory=dict)
    modules: list[str] = field(default_factory=list)
    setup: list[str] = field(default_factory=list)
    container: list[str] = field(default_factory=list)
    python: str | None = None
    paths: PathsConfig = field(default_factory=PathsConfig)
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    slurm: SlurmConfig = field(default_factory=SlurmConfig)
    references: dict[str, Any] = field(default_factory=dict)
