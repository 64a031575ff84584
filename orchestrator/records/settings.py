"""The resolved configuration, as it travels in JSON from the command to every rank: what each key holds.

Names, defaults and meanings of the keys are in ``orchestrator/config/schema*.py``, which the configuration is composed
from; a test holds that both have the same keys and types. These types are for readers on both sides, so they need
the standard library alone. ``NotRequired`` keys are those that runs planned by version 0.1 lack.
"""

# Annotations are evaluated here: as texts, they would hide from TypedDict which keys are NotRequired.
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from orchestrator.records import choices
from orchestrator.records.checking import OneOf
from orchestrator.records.typed import NotRequired, TypedDict

SchedulerName: TypeAlias = Annotated[str, OneOf(tuple(choices.SCHEDULERS))]
LauncherName: TypeAlias = Annotated[str, OneOf(tuple(choices.LAUNCHERS))]
CommunicatorName: TypeAlias = Annotated[str, OneOf(tuple(choices.COMMUNICATORS))]
ModeName: TypeAlias = Annotated[str, OneOf(tuple(choices.MODES))]
ScaleName: TypeAlias = Annotated[str, OneOf(tuple(choices.SCALE_MODES))]


class OptimizerSettings(TypedDict):
    """The optimiser of a recipe, or that of one player. ``betas`` are two."""

    name: str
    learning_rate: float
    weight_decay: float
    momentum: float
    betas: list[float]
    iterations: NotRequired[int]
    history: NotRequired[int]
    line_search: NotRequired[bool]
    fused: bool


class TrainingSettings(TypedDict):
    """How a benchmark is trained."""

    epochs: int
    batch_size: int
    global_batch_size: int | None
    optimizer: OptimizerSettings
    optimizers: NotRequired[dict[str, OptimizerSettings]]
    learning_rate_scaling: str
    base_batch_size: int
    warmup_epochs: float
    schedule: str
    decay_every_epochs: NotRequired[float]
    decay_factor: NotRequired[float]
    final_fraction: NotRequired[float]
    precision: str
    gradient_precision: str
    channels_last: bool | str
    compile: bool
    kernels: str
    accumulate: int
    evaluate_every_epochs: int
    evaluate_every_steps: int | None
    evaluation_batch_size: int
    stop_at_target: bool
    checkpoint_every_epochs: int
    gradient_clip: float | None
    max_steps: int | None
    keep_model: bool


class InferenceSettings(TypedDict):
    """What inference measures."""

    checkpoint: str | None
    warm_up: int
    latency_samples: int
    batch_sizes: list[int]
    seconds_per_batch_size: float
    passes: int


class ProbeSettings(TypedDict):
    """What a probe measures."""

    rounds: int
    at_once: int | None
    burst_s: float
    matrix: int
    precision: str
    triad_mib: int
    sizes: list[int]
    pair_sizes: list[int]
    pair_rounds: int | None
    pair_repeats: int
    message_s: float
    in_place: bool
    local_folder: str | None


class QualitySettings(TypedDict):
    """The quality target."""

    metric: str
    target: float | None
    higher_is_better: bool
    basis: str


class Settings(TypedDict):
    """What a rank is told of its benchmark.

    ``dataset`` and ``model`` are the benchmark's own options, whose types are in its ``config.py``.
    ``dataset_module`` is what version 0.1 had in place of ``dataset_class``.
    """

    name: str
    summary: str
    task: str | None
    procedure: NotRequired[str | None]
    dataset_class: NotRequired[str]
    dataset: Mapping[str, Any]
    model: Mapping[str, Any]
    training: TrainingSettings
    inference: InferenceSettings
    modes: list[str]
    probe: ProbeSettings
    quality: QualitySettings
    pictures: bool
    count_work: bool
    dataset_module: NotRequired[str]


class DownloadSettings(TypedDict):
    """Where the published files of a benchmark's real data are."""

    endpoints: list[str]
    prefix: str | None
    connections: int
    folder: str | None


class PublishedValue(TypedDict):
    """A value that somebody else reports."""

    metric: str
    value: float
    source: str
    dataset: str
    method: str


class BenchmarkSettings(Settings):
    """The whole of a benchmark's configuration: beside what its ranks are told, what commands and reports need."""

    dataset_name: NotRequired[str]
    method: NotRequired[str]
    download: DownloadSettings
    better: NotRequired[dict[str, str]]
    published: NotRequired[list[PublishedValue]]


class PathsSettings(TypedDict):
    """Where things are kept."""

    results: str
    data: str
    scratch: str | None


class LimitsSettings(TypedDict):
    """When to give up, and how often to ask."""

    time_min: int
    silence_s: float
    startup_silence_s: float
    max_jobs: int
    max_attempts: int
    query_s: float
    longest_query_s: float
    lost_s: float
    stuck_s: float
    warning_s: float


class AcceleratorSettings(TypedDict):
    """Facts of one accelerator."""

    model: str
    memory_gib: float | None
    peak_bf16_tflops: float | None
    peak_fp32_tflops: float | None
    memory_gb_per_s: float | None
    source: str


class InterconnectSettings(TypedDict):
    """Facts of the network between nodes."""

    name: str
    gb_per_s_per_node: float | None
    latency_us: float | None
    interface: str | None
    source: str


class SlurmSettings(TypedDict):
    """What goes to Slurm."""

    partition: str | None
    account: str | None
    qos: str | None
    reservation: str | None
    constraint: str | None
    wckey: str | None
    gres: str | None
    gpus_per_node: int | None
    memory_gb: float | None
    exclusive: bool
    exclude: str | None
    exclude_failed_nodes: bool
    requeue: bool
    additional: dict[str, str]


class ClusterSettings(TypedDict):
    """One machine. ``references`` are bounds of acceptance by workload and quantity, as a site writes them."""

    name: str
    description: str
    hosts: NotRequired[list[str]]
    scheduler: SchedulerName
    launcher: LauncherName
    pmi: str
    launcher_options: list[str]
    ranks_per_node: int
    architecture: NotRequired[str | None]
    cores_per_node: int | None
    memory_gib_per_node: NotRequired[float | None]
    accelerators_per_node: int
    accelerator: AcceleratorSettings
    interconnect: InterconnectSettings
    threads_per_rank: int | None
    bind_ranks: bool
    one_machine: bool
    environment: dict[str, str]
    modules: list[str]
    setup: list[str]
    container: list[str]
    python: str | None
    paths: PathsSettings
    limits: LimitsSettings
    slurm: SlurmSettings
    references: Mapping[str, Any]


class ScaleSettings(TypedDict):
    """How the node count varies."""

    mode: ScaleName
    nodes: int | list[int]
    repeats: int
    shuffle: bool


class StoreSettings(TypedDict):
    """The central store."""

    url: str | None


class WatchSettings(TypedDict):
    """Intervals between looks at running jobs."""

    interval_s: float


class Configuration(TypedDict):
    """The whole of one command's configuration, resolved; ``nodes`` is always a list."""

    benchmark: BenchmarkSettings
    cluster: ClusterSettings
    scale: ScaleSettings
    recipe: str
    nodes: list[int]
    repeats: int
    comm: CommunicatorName
    mode: ModeName
    seed: int
    campaign: str | None
    results: str
    store: StoreSettings
    watch: WatchSettings
