"""Every key of the group ``benchmark``, its type and its default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.config.defaults import MISSING


@dataclass
class OptimizerConfig:
    """The optimiser as published or chosen by the recipe."""

    name: str = "adamw"
    """One of adam, adamw, sgd and lbfgs."""
    learning_rate: float = 1e-3
    """Peak learning rate, for a global batch of ``base_batch_size``."""
    weight_decay: float = 0.0
    """Weight decay: decoupled from the gradient in adamw, a part of it in adam and sgd; lbfgs has none."""
    momentum: float = 0.9
    """Momentum of sgd."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Decay rates of the two moments of adam and adamw."""
    iterations: int = 20
    """Of lbfgs: the most iterations in one step; each takes the loss and its gradient once or a few times."""
    history: int = 10
    """Of lbfgs: how many earlier iterations it remembers."""
    line_search: bool = True
    """Of lbfgs: search how far to go by the strong Wolfe conditions; false: it is the learning rate."""
    fused: bool = False
    """Update all parameters with one kernel, where torch has one for the device."""


@dataclass
class TrainingConfig:
    """How a benchmark is trained."""

    epochs: int = 10
    """Passes over the training set, at most."""
    batch_size: int = 32
    """Samples that a rank computes on at once; has no effect where ``global_batch_size`` is given."""
    global_batch_size: int | None = None
    """Samples of a step over all ranks; null: ``batch_size`` × ``accumulate`` × ranks."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """The optimiser of every player, unless ``optimizers`` has any."""
    optimizers: dict[str, OptimizerConfig] = field(default_factory=dict)
    """Optimisers by the name of a task's player, such as a GAN's two networks: one for each, or none."""
    learning_rate_scaling: str = "sqrt"
    """How the rate grows with the global batch over ``base_batch_size``: none, sqrt or linear."""
    base_batch_size: int = 32
    """Global batch that the optimiser's learning rate was chosen for, samples."""
    warmup_epochs: float = 0.0
    """Epochs in which the rate rises to its peak; of one_cycle, 0 means three tenths of the training."""
    schedule: str = "constant"
    """How the rate goes on after its rise: constant, cosine, step, inverse_time or one_cycle."""
    decay_every_epochs: float = 1.0
    """Of step and inverse_time: the epochs in which the rate decays once."""
    decay_factor: float = 0.1
    """Of step: what the rate is multiplied by; of inverse_time: what the rate's divisor grows by."""
    final_fraction: float = 0.01
    """Of cosine: what is left of the peak rate in the end."""
    precision: str = "float32"
    """What is computed in: float32, bfloat16, or auto: bfloat16 where all ranks' devices have units for it."""
    gradient_precision: str = "float32"
    """What float32 gradients travel in between ranks: float32, or bfloat16, which halves their bytes."""
    channels_last: bool | str = False
    """Whether images lie in memory with their channels last; auto: where that is faster."""
    compile: bool = False
    """Have torch compile the model in the first step; needs a C++ compiler, and on a GPU Triton."""
    kernels: str = "torch"
    """Whose layers train: torch; own, the project's (channels last on processors, with g++); or auto."""
    accumulate: int = 1
    """Micro-batches that a rank goes through in one step, one after the other."""
    evaluate_every_epochs: int = 1
    """Epochs between evaluations; the end of training has one in any case."""
    evaluate_every_steps: int | None = None
    """Steps between further evaluations within an epoch; null: there are none."""
    evaluation_batch_size: int = 64
    """Samples that a rank evaluates at once."""
    stop_at_target: bool = True
    """End the training when an evaluation reaches the quality target; false: train to the end."""
    checkpoint_every_epochs: int = 1
    """Epochs between checkpoints; ranks that are asked to stop write one too."""
    gradient_clip: float | None = None
    """Largest norm of a player's gradient, to which longer ones are scaled down; null or 0: any."""
    max_steps: int | None = None
    """Steps after which training ends, if ``epochs`` does not end it before; null: ``epochs`` alone decides."""
    keep_model: bool = True
    """Leave the trained model with the run, for ``mode=inference``."""


@dataclass
class InferenceConfig:
    """What ``mode=inference`` measures; precision, layout, compilation and evaluation batch are ``training``'s."""

    checkpoint: str | None = None
    """Model file, a run's folder or a campaign; null: weights as drawn, which show speed and no quality."""
    warm_up: int = 10
    """Single samples before the first that is timed, on each rank."""
    latency_samples: int = 200
    """Single samples that each rank times."""
    batch_sizes: list[int] = field(default_factory=lambda: [1, 8, 32, 128])
    """Samples of a rank at once, for each measurement of throughput out of memory."""
    seconds_per_batch_size: float = 3.0
    """How long each batch size is kept up, s."""
    passes: int = 3
    """How often the evaluation set is taken from file to prediction, each rank its share."""


@dataclass
class ProbeConfig:
    """What ``mode=probe`` measures, in short bursts and in turn, so that drift affects all measurements alike."""

    rounds: int = 5
    """How often a node's own rates and the messages over all ranks are measured."""
    at_once: int | None = None
    """Nodes, or pairs, that measure while others sleep; null: all, or one if ``cluster.one_machine`` is set."""
    burst_s: float = 0.2
    """Length of one measurement of arithmetic or of memory, s."""
    matrix: int = 1024
    """Rows and columns of the matrices that are multiplied."""
    precision: str = "float32"
    """What matrices are multiplied in: float32 or bfloat16."""
    triad_mib: int = 64
    """Size of each of the triad's three vectors, MiB."""
    sizes: list[int] = field(default_factory=lambda: [8, 1048576])
    """Sizes of the messages that are summed over all ranks, bytes."""
    pair_sizes: list[int] = field(default_factory=lambda: [8, 1048576])
    """Sizes of the messages that are summed over two nodes, bytes."""
    pair_rounds: int | None = None
    """Other nodes that each node meets; null: all of them."""
    pair_repeats: int = 3
    """How often each pair of nodes is measured."""
    message_s: float = 0.05
    """How long messages of one size are sent in one measurement, about, s."""
    in_place: bool = True
    """Sum messages where they lie; false: from one buffer into another (nccl-tests has both)."""
    local_folder: str | None = None
    """A folder of the local file system; null: ``cluster.paths.scratch``, or else the node's TMPDIR."""


@dataclass
class QualityConfig:
    """What counts as good."""

    metric: str = MISSING
    """Name of a metric that the benchmark's evaluation gives."""
    target: float | None = MISSING
    """Value that training is to reach, in the metric's unit; null: none, so that no run falls short of it and none has
    a time to accuracy."""
    higher_is_better: bool = True
    """Whether a value above the target is better; false: one below it."""
    basis: str = MISSING
    """Where the target is from, in a line."""


@dataclass
class DownloadConfig:
    """Where the published files of a benchmark's real data are, for ``data NAME download`` and ``convert``."""

    endpoints: list[str] = field(default_factory=lambda: ["https://s3.echo.stfc.ac.uk", "https://sdsc.osn.xsede.org"])
    """S3 servers with anonymous access, tried in turn: STFC's own and its mirror, as sciml-bench has them."""
    prefix: str | None = None
    """Bucket and prefix on the server; null: that of ``dataset.version``."""
    connections: int = 8
    """Connections that a download has at once."""
    folder: str | None = None
    """Where the published files go or, at a site that has them, are; null: DATA/published/PREFIX."""


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
