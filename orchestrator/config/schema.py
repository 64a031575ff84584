"""Every configuration key, its type and its default. A key that is not here is refused when the config is composed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

MISSING: Any = "???"
"""What has to be given, as OmegaConf writes it; to read old configurations needs no OmegaConf."""


@dataclass
class OptimizerConfig:
    """The optimiser as published or chosen by the recipe."""

    name: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    """Of sgd."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Of adam and adamw."""
    iterations: int = 20
    """Of lbfgs: the most it does in one step; each takes the loss and its gradient once or a few times."""
    history: int = 10
    """Of lbfgs: how many earlier iterations it remembers."""
    line_search: bool = True
    """Of lbfgs: how far to go is searched for by the strong Wolfe conditions; else it is the learning rate."""
    fused: bool = False
    """One kernel for all parameters, where torch has one for the device."""


@dataclass
class TrainingConfig:
    """How a benchmark is trained.

    ``batch_size`` is per rank; ``global_batch_size``, where given, fixes the sum over ranks instead (strong scaling).
    ``learning_rate_scaling`` says how the learning rate grows with the global batch over ``base_batch_size``.
    ``compile`` has torch compile the forward and backward pass, in the first step; it needs a C++ compiler, and on a
    GPU Triton. ``precision`` "auto" is bfloat16 where all ranks' devices have units for it, else float32, and
    ``channels_last`` "auto" the layout in which that is faster; the result says which they were. ``kernels`` says whose
    layers train: "torch", the project's "own" (float32, channels last, on processors; they need g++ on the node), or
    "auto", which is own where all ranks can have them.
    ``gradient_precision`` is what float32 gradients travel in between ranks: "bfloat16" halves their bytes.
    ``keep_model`` leaves the trained model with the run, for ``mode=inference``.
    """

    epochs: int = 10
    batch_size: int = 32
    global_batch_size: int | None = None
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    optimizers: dict[str, OptimizerConfig] = field(default_factory=dict)
    """One for each of a task's players, by the player's name; empty: all have one like ``optimizer``."""
    learning_rate_scaling: str = "sqrt"
    base_batch_size: int = 32
    warmup_epochs: float = 0.0
    schedule: str = "constant"
    decay_every_epochs: float = 1.0
    """Of the schedules step and inverse_time: in so many epochs the learning rate decays once."""
    decay_factor: float = 0.1
    """Of the same: what the rate is multiplied by (step), or what the rate's divisor grows by (inverse_time)."""
    final_fraction: float = 0.01
    """Of cosine: what is left of the peak rate in the end."""
    precision: str = "float32"
    gradient_precision: str = "float32"
    channels_last: bool | str = False
    compile: bool = False
    kernels: str = "torch"
    accumulate: int = 1
    evaluate_every_epochs: int = 1
    evaluate_every_steps: int | None = None
    evaluation_batch_size: int = 64
    stop_at_target: bool = True
    checkpoint_every_epochs: int = 1
    gradient_clip: float | None = None
    max_steps: int | None = None
    keep_model: bool = True


@dataclass
class InferenceConfig:
    """What ``mode=inference`` measures; precision, memory format, compilation and the batch size of evaluation are
    those of ``training``.

    ``checkpoint`` is a model file, a run's folder or a campaign (by folder or name); without one the model is freshly
    initialised, which says how fast it is and not how good. Each rank times ``latency_samples`` single samples, after
    ``warm_up`` ones that it does not time; keeps up each of ``batch_sizes`` for ``seconds_per_batch_size``; and takes
    its share of the evaluation set from file to prediction ``passes`` times.
    """

    checkpoint: str | None = None
    warm_up: int = 10
    latency_samples: int = 200
    batch_sizes: list[int] = field(default_factory=lambda: [1, 8, 32, 128])
    seconds_per_batch_size: float = 3.0
    passes: int = 3


@dataclass
class ProbeConfig:
    """What ``mode=probe`` measures. Every measurement is a short burst, repeated ``rounds`` times in turn with all
    others.

    ``at_once`` nodes (or pairs of nodes) measure at the same time while the others sleep, null: all; set it where the
    "nodes" share something that real ones do not. Matrices are ``matrix`` × ``matrix``; the three vectors of the triad
    ``triad_mib`` each. Messages have the ``sizes`` over all ranks and ``pair_sizes`` between two nodes, in bytes.
    They are summed where they lie, or (``in_place`` false) from one buffer to another, nccl-tests' two ways.
    ``pair_rounds``: every node meets so many others, null: all of them. ``local_folder``: what "local file system"
    means, null: the profile's scratch, else TMPDIR.
    """

    rounds: int = 5
    at_once: int | None = None
    burst_s: float = 0.2
    matrix: int = 1024
    precision: str = "float32"
    triad_mib: int = 64
    sizes: list[int] = field(default_factory=lambda: [8, 1048576])
    pair_sizes: list[int] = field(default_factory=lambda: [8, 1048576])
    pair_rounds: int | None = None
    pair_repeats: int = 3
    message_s: float = 0.05
    in_place: bool = True
    local_folder: str | None = None


@dataclass
class QualityConfig:
    """The quality target: a metric of the benchmark, its target, and the origin of the target."""

    metric: str = MISSING
    target: float = MISSING
    higher_is_better: bool = True
    basis: str = MISSING


@dataclass
class DownloadConfig:
    """Where the published files of a benchmark's real data are, for ``data NAME download`` and ``convert``.

    ``endpoints`` are S3 servers with anonymous access, tried in turn: STFC's own and its mirror, as sciml-bench has
    them. ``prefix`` is bucket and prefix there; unset, that of ``dataset.version``. ``folder`` is where the files go
    or, at a site that has them, are; unset, DATA/published/PREFIX.
    """

    endpoints: list[str] = field(default_factory=lambda: ["https://s3.echo.stfc.ac.uk", "https://sdsc.osn.xsede.org"])
    prefix: str | None = None
    connections: int = 8
    folder: str | None = None


@dataclass
class PublishedConfig:
    """A value that somebody else reports: shown beside what is measured, and never compared by a test."""

    metric: str = MISSING
    """As the benchmark's quality names it."""
    value: float = MISSING
    """In the metric's unit."""
    source: str = MISSING
    """Where it is published."""
    dataset: str = MISSING
    """Data set that it is of; unset, the one in whose file it stands."""
    method: str = MISSING
    """Method that it is of; unset, the one in whose file it stands."""


@dataclass
class BenchmarkConfig:
    """A science workload: ``workloads/NAME/benchmark.yaml``, and over it the files of a data set and of a method."""

    name: str = MISSING
    """The folder's."""
    summary: str = ""
    """What it is, in a line."""
    dataset_name: str = "${.name}"
    """The data set: ``dataset=NAME`` of a benchmark that has several; the benchmark's own name where it has one."""
    method: str = "reference"
    """The method: ``method=NAME`` of a benchmark that has several."""
    task: str | None = None
    """Class that is trained and inferred with, as ``module:Class``."""
    procedure: str | None = None
    """Class that does what any other mode does, as ``module:Class``."""
    dataset_class: str = MISSING
    """Class that makes, converts and checks the data, as ``module:Class``."""
    dataset: dict[str, Any] = field(default_factory=dict)
    """Options of the data set; their types are DatasetOptions in the benchmark's config.py."""
    download: DownloadConfig = field(default_factory=DownloadConfig)
    """Where published files are."""
    model: dict[str, Any] = field(default_factory=dict)
    """Options of the model; their types are Model in the benchmark's config.py."""
    training: TrainingConfig = field(default_factory=TrainingConfig)
    """How it is trained."""
    inference: InferenceConfig = field(default_factory=InferenceConfig)
    """What inference measures."""
    modes: list[str] = field(default_factory=lambda: ["training", "inference"])
    """What it can do."""
    probe: ProbeConfig = field(default_factory=ProbeConfig)
    """What a probe measures."""
    quality: QualityConfig = field(default_factory=QualityConfig)
    """What counts as good."""
    better: dict[str, str] = field(default_factory=dict)
    """Which way is better, "higher" or "lower", of further metrics that a matrix shows beside the quality metric."""
    published: list[PublishedConfig] = field(default_factory=list)
    """What others report."""
    pictures: bool = True
    """Draw some samples when a run is done."""
    count_work: bool = True
    """Count the operations and bytes of a training step when it is done, which takes the first rank a second or two."""


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


@dataclass
class ScaleConfig:
    """How the node count varies: ``single`` and ``weak`` keep the batch per rank, ``strong`` the global batch.

    ``shuffle`` starts the runs of each repeat in an order drawn from ``seed``, not in that of their node counts.
    """

    mode: str = "single"
    nodes: Any = 1
    repeats: int = 1
    shuffle: bool = True


@dataclass
class StoreConfig:
    """The central store: any SQLAlchemy URL; unset means a SQLite file in the results folder."""

    url: str | None = None


@dataclass
class WatchConfig:
    """Intervals between looks at running jobs, in seconds."""

    interval_s: float = 0.5


@dataclass
class OrchestratorConfig:
    """The whole of one command's configuration."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"scale": "single"},
            {"benchmark": "???"},
            {"dataset": "default"},
            {"method": "default"},
            {"recipe": "small"},
            {"datasets@benchmark": "${benchmark}/${dataset}"},
            {"methods@benchmark": "${benchmark}/${method}"},
            {"recipes@benchmark": "${benchmark}/${recipe}"},
            {"variants@benchmark": "${benchmark}/${dataset}/${method}/${recipe}"},
            # Last, since Hydra lets only later entries override earlier ones: a profile may choose the recipe.
            {"cluster": "local"},
        ]
    )
    benchmark: BenchmarkConfig = field(default_factory=BenchmarkConfig)
    cluster: ClusterConfig = field(default_factory=ClusterConfig)
    scale: ScaleConfig = field(default_factory=ScaleConfig)
    recipe: str = MISSING
    nodes: Any = "${scale.nodes}"
    repeats: int = "${scale.repeats}"  # type: ignore[assignment]
    comm: str = "horovod"
    mode: str = "training"
    seed: int = 1
    campaign: str | None = None
    results: str = "${cluster.paths.results}"
    store: StoreConfig = field(default_factory=StoreConfig)
    watch: WatchConfig = field(default_factory=WatchConfig)
