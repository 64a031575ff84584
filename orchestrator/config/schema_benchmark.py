"""Every key of the group ``benchmark``, its type and its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.defaults import MISSING


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
