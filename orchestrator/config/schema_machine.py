"""Every key of the group ``cluster``, its type and its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.defaults import MISSING
from orchestrator.config.paths import usual_folder


@dataclass
class PathsConfig:
    """Where things are kept; ``~`` and ``$VARIABLE`` are what they are in a shell."""

    results: str = field(default_factory=lambda: usual_folder("results"))
    """Folder of campaigns, runs and the store; a relative path is taken from where the command is given."""
    data: str = field(default_factory=lambda: usual_folder("data"))
    """Folder of data sets; a relative path is taken from where the command is given."""
    scratch: str | None = None
    """Folder on each node's own disk, such as "/local/$USER", where runs keep a copy of the data; null: no copy."""


@dataclass
class LimitsConfig:
    """When to give up, and how often to ask."""

    time_min: int = 60
    """Time limit of each attempt, min."""
    silence_s: float = 120.0
    """A run is ended as hung when its ranks have made no progress for so long, s."""
    startup_silence_s: float = 300.0
    """The same until the first step is done (imports, rendezvous, staging), s."""
    max_jobs: int = 100
    """Runs of a campaign that are in flight at a time."""
    max_attempts: int = 3
    """Attempts of a run, the first included."""
    query_s: float = 5.0
    """Shortest time between queries of the scheduler, each for all jobs, s."""
    longest_query_s: float = 60.0
    """What the time between queries grows to while there is no news, s."""
    lost_s: float = 120.0
    """A job is lost if the scheduler does not know it, or neither of them answers, for so long, s."""
    stuck_s: float = 3600.0
    """A job is given up if it waits so long for what never comes by itself, such as its release, s."""
    warning_s: float = 90.0
    """How long before the time limit the ranks checkpoint and stop, but never in its first half, s."""


@dataclass
class AcceleratorConfig:
    """Facts of one accelerator, which measured rates and the nodes' own accelerators are compared with."""

    model: str = ""
    """Name, as the vendor writes it; a run on another kind is ended."""
    memory_gib: float | None = None
    """Memory, GiB; null promises nothing."""
    peak_bf16_tflops: float | None = None
    """Peak rate of bfloat16 arithmetic without sparsity, TFLOP/s; null: no fraction of it is reported."""
    peak_fp32_tflops: float | None = None
    """Peak rate of float32 arithmetic, TFLOP/s; null: no fraction of it is reported."""
    memory_gb_per_s: float | None = None
    """Bandwidth of its memory, GB/s; null: no fraction of it is reported."""
    source: str = ""
    """Where these figures are published."""


@dataclass
class InterconnectConfig:
    """Facts of the network between nodes."""

    name: str = ""
    """Kind and number of a node's links."""
    gb_per_s_per_node: float | None = None
    """Bandwidth of a node, GB/s; null: a projection assumes one."""
    latency_us: float | None = None
    """Latency of a message between nodes, µs; null: a projection assumes one."""
    interface: str | None = None
    """Network interface that every node is to have; null promises nothing."""
    source: str = ""
    """Where these figures are published."""


@dataclass
class SlurmConfig:
    """What goes to Slurm; null is not passed on."""

    partition: str | None = None
    """Partition of the jobs."""
    account: str | None = None
    """Account that pays for the jobs."""
    qos: str | None = None
    """Quality of service; with one, a partition's limits of nodes and time are not checked, since it may lift them."""
    reservation: str | None = None
    """Reservation that the jobs run in."""
    constraint: str | None = None
    """Features that the nodes must have, as sbatch's ``--constraint`` has them."""
    wckey: str | None = None
    """Workload characterisation key of the jobs."""
    gres: str | None = None
    """Generic resources of each node, as sbatch's ``--gres`` has them."""
    gpus_per_node: int | None = None
    """GPUs to request on each node."""
    memory_gb: float | None = None
    """Memory to request on each node, in Slurm's units: 1 is 1024 MB."""
    exclusive: bool = False
    """Request nodes that no other job shares."""
    exclude: str | None = None
    """Nodes that the jobs must not get, as sbatch's ``--exclude`` has them."""
    exclude_failed_nodes: bool = False
    """Submit a run that lost a node again without it, while it has attempts; wins over ``requeue``."""
    requeue: bool = True
    """Have Slurm put a stopped attempt back into its queue; false: the next attempt is submitted as a new job."""
    additional: dict[str, str] = field(default_factory=dict)
    """Further options of sbatch by their long names, with "true" for one that takes no value."""


@dataclass
class ClusterConfig:
    """One machine: ``cluster_profiles/NAME.yaml``; what it states of a node is compared with what the ranks find."""

    name: str = MISSING
    """Name of the machine in results and history."""
    description: str = ""
    """What the machine is, in a line."""
    hosts: list[str] = field(default_factory=list)
    """Names or patterns of hosts, such as login*.alpine.org, on which ``cluster=`` may be left out."""
    scheduler: str = "slurm"
    """slurm, or local: this machine, all of whose "nodes" share its cores."""
    launcher: str = "srun"
    """What starts the ranks: srun or mpirun."""
    pmi: str = "pmix"
    """How srun connects the ranks, as ``srun --mpi=list`` names it; mpirun does not use it."""
    launcher_options: list[str] = field(default_factory=list)
    """Further words for the launcher, after those that it is given anyway."""
    ranks_per_node: int = 1
    """Ranks of each node, usually one for each accelerator."""
    architecture: str | None = None
    """Instruction set of the processors: x86_64, aarch64, ppc64le, riscv64; null promises nothing."""
    cores_per_node: int | None = None
    """Cores of a node, or of this machine if ``scheduler`` is local; null: as many as this machine has."""
    memory_gib_per_node: float | None = None
    """Memory of a node, GiB; null promises nothing."""
    accelerators_per_node: int = 0
    """Accelerators of a node; 0: it has none, and ``accelerator.model`` must be empty."""
    accelerator: AcceleratorConfig = field(default_factory=AcceleratorConfig)
    """Facts of each accelerator."""
    interconnect: InterconnectConfig = field(default_factory=InterconnectConfig)
    """Facts of the network between nodes."""
    threads_per_rank: int | None = None
    """Threads of each rank; null: the cores divided by the ranks that share them."""
    bind_ranks: bool = True
    """Give each rank cores of its own on this machine and under mpirun; Slurm binds the ranks of srun."""
    one_machine: bool = False
    """The "nodes" are parts of one machine: probes measure them in turn, projections share its cores."""
    environment: dict[str, str] = field(default_factory=dict)
    """Variables of the ranks; they win over those that are set anyway, such as OMP_NUM_THREADS."""
    modules: list[str] = field(default_factory=list)
    """Modules that a batch script loads, in this order; the first that fails fails the job."""
    setup: list[str] = field(default_factory=list)
    """Lines of shell in a batch script, after the modules; the first that fails fails the job."""
    container: list[str] = field(default_factory=list)
    """Words before the ranks' Python, as in [apptainer, exec, image.sif]; the supervisor stays outside."""
    python: str | None = None
    """Python of the ranks, and of a job's supervisor unless there is a container; null: the one that submits."""
    paths: PathsConfig = field(default_factory=PathsConfig)
    """Where things are kept."""
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    """When to give up, and how often to ask."""
    slurm: SlurmConfig = field(default_factory=SlurmConfig)
    """What goes to Slurm."""
    references: dict[str, Any] = field(default_factory=dict)
    """Reference values of acceptance by workload and quantity; a file given as ``references=`` wins over them."""
