"""What a report's document is made of: ``report.schema.json`` as types. A test holds the two together.

Every key is there in documents of this version, but for those of classes that say ``total=False``; the schema calls
fewer of them required, since documents of earlier versions lack some. Units are in the keys' names or in the schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypedDict

from orchestrator.campaign.attempts import Attempt, Lost
from orchestrator.records import (
    Account,
    ComparedNodes,
    InferenceResult,
    Layout,
    MeterEnergy,
    NodeEnergy,
    Processors,
    Slowed,
    State,
    TrainingResult,
)

Interval = list[float]
"""Low and high end of a 95 % interval."""


class Spread(TypedDict):
    """Median and geometric mean of n runs, and the 95 % interval of that mean; null where there is one value."""

    median: float
    mean: float
    interval: Interval | None
    n: int


class SplitEntry(TypedDict):
    """The parts of a run's time, s: means over ranks. Straggling and communication are the parts of waiting."""

    compute: float
    data: float
    straggling: float
    communication: float
    evaluation: float
    other: float


class DatasetEntry(TypedDict):
    """The data that a run read; nulls before it has read any."""

    name: str | None
    source: Literal["real", "stand-in"] | None
    split: str | None
    version: str | None
    checksum: str | None


class ThroughputEntry(TypedDict):
    """Of one run: over all its steps, the first epoch's and the later ones', and by rank; null where it was not
    measured.

    ``unit`` is samples/s unless the data set counts other items, such as tokens or points.
    """

    unit: str
    run: float | None
    cold: float | None
    warm: float | None
    per_rank: list[float | None]


class RankTimes(TypedDict):
    """Seconds of one rank over its steps; null where they were not measured.

    ``communicate`` is ``waiting`` by its name of version 0.1.
    """

    total: float | None
    data: float | None
    compute: float | None
    waiting: float | None
    communicate: float | None


class QualityEntry(TypedDict):
    """Quality of a run; nulls if it was not evaluated."""

    metric: str | None
    value: float | None
    target: float | None
    basis: str | None
    reached: bool | None
    all: dict[str, float]


class EvaluationEntry(TypedDict):
    """One evaluation: seconds from the first touch of training data, epoch, value of the target's metric or null."""

    seconds: float
    epoch: int
    value: float | None


class EnergyEntry(TypedDict):
    """Energy that the nodes' meters counted, J; null with a reason if they do not report. ``account`` is what the
    scheduler's accounting has of the whole job.
    """

    j: float | None
    to_accuracy_j: float | None
    mean_w: float | None
    samples_per_j: float | None
    source: str | None
    scope: str | None
    others: str | None
    reason: str | None
    meters: list[MeterEnergy]
    slowed: list[Slowed]
    nodes: list[NodeEnergy]
    account: Account | None


class AchievedEntry(TypedDict):
    """Arithmetic and memory traffic of each device while training, and their fractions of its stated peaks."""

    devices: int
    flop_per_s: float
    bytes_per_s: float | None
    of_bf16_peak: float | None
    of_memory_bandwidth: float | None
    accelerator: str | None


class RunEntry(TypedDict):
    """One run."""

    run: str
    benchmark: str
    method: str
    cluster: str
    comm: str
    mode: str
    recipe: str
    scale: str
    nodes: int
    ranks: int
    repeat: int
    seed: int
    order: int | None
    state: State
    attempts: int
    attempt_history: list[Attempt]
    lost_s: Lost
    cause: str | None
    stopped: Literal["target", "epochs", "steps"] | None
    dataset: DatasetEntry
    throughput: ThroughputEntry
    hosts: list[str]
    time_per_rank_s: list[RankTimes]
    step_shares: dict[str, float]
    quality: QualityEntry
    evaluations: list[EvaluationEntry]
    time_to_accuracy_s: float | None
    energy: EnergyEntry
    split_s: SplitEntry | None
    phases_s: dict[str, float]
    training: TrainingResult
    achieved: AchievedEntry | None
    inference: InferenceResult | None
    pictures: list[str]
    processors: list[Processors]
    placement: PlacementEntry | None
    promise: list[ComparedNodes]
    warnings: list[str]
    directory: str
    config_hash: str


class PlacementEntry(TypedDict):
    """Where the ranks sat, in their order: number and name of the node, device, hardware threads ("0-3,64-67").

    ``layouts`` are the nodes' cores by NUMA domain, ``layout_of_rank`` the number of each rank's node's; both are
    empty if that was not recorded. ``unbound`` says why ranks had no cores of their own.
    """

    nodes: list[int]
    hosts: list[str]
    devices: list[str]
    cores: list[str]
    layouts: list[Layout]
    layout_of_rank: list[int]
    unbound: str | None


class RecipeEntry(TypedDict):
    """One of several recipes that were measured under the same conditions. ``samples_per_s`` is in ``unit``."""

    benchmark: str
    method: str
    cluster: str
    comm: str
    mode: str
    scale: str
    nodes: int
    ranks: int
    recipe: str
    n: int
    unit: str
    samples_per_s: float
    speedup: float
    of_bf16_peak: float | None
    of_memory_bandwidth: float | None
    metric: str | None
    quality: float | None
    target: float | None
    time_to_accuracy_s: float | None
    reached: int


class Subject(TypedDict):
    """What was run on what data: a benchmark, one of its methods, the data set's name where it has several."""

    benchmark: str
    dataset_name: str | None
    method: str


class SeriesEntry(Subject):
    """The keys that the entries of a series share; ``mode`` is its scaling, ``run_mode`` the mode of its runs."""

    cluster: str
    dataset: str
    mode: str
    comm: str
    recipe: str
    run_mode: str
    settings: dict[str, object]


class ScaleThroughput(TypedDict):
    """Throughput at one scale, in ``unit``: the warm one where there is a warm epoch.

    ``interval`` is of the geometric mean; ``basis`` says whether repeats or days made it.
    """

    unit: str
    median: float
    mean: float
    interval: Interval | None
    basis: str
    n: int
    cold: Spread | None
    warm: Spread | None
    variation: float | None


class ScaleQuality(TypedDict):
    """Quality at one scale."""

    metric: str | None
    median: float | None
    target: float | None


class AccuracyTime(TypedDict):
    """Time to accuracy at one scale, and how many of its n runs reached the target."""

    olympic_mean_s: float | None
    median_s: float | None
    reached: int
    n: int


class ScaleEntry(SeriesEntry):
    """The results of the repeats at one scale."""

    scale: str
    nodes: int
    ranks: int
    n: int
    failed: int
    throughput: ScaleThroughput
    quality: ScaleQuality
    time_to_accuracy: AccuracyTime
    energy_j: Spread | None
    energy_to_accuracy_j: Spread | None
    split_s: SplitEntry | None
    shares: dict[str, float] | None


class ScalingEntry(SeriesEntry):
    """An efficiency, with its base, and what the lost time went into."""

    nodes: int
    ranks: int
    efficiency: float
    interval: Interval | None
    basis: str
    n: int
    base_nodes: int
    serial_fraction: float | None
    lost: dict[str, float] | None


class LawEntry(SeriesEntry):
    """A law of scaling fitted to a series; ``residuals`` and ``efficiency`` are by node count."""

    law: str
    parameters: dict[str, float]
    intervals: dict[str, Interval]
    base_throughput: float
    base_nodes: int
    residuals: dict[str, float]
    rms: float | None
    peak_nodes: float | None
    efficiency: dict[str, float]


class StragglerEntry(TypedDict):
    """A rank or host that was slow by itself in a run."""

    kind: Literal["rank", "host"]
    run: str
    rank: int | None
    host: str
    excess: float
    cause: str | None
    text: str
    cost_s: float | None


class RankSpreadEntry(TypedDict):
    """How far the ranks of a run differ (relative standard deviation; None of two), and from which excess on a slow one
    is found in 95 of 100 such runs. ``text``: the slowest rank, where it may be chance that it is slow.
    """

    run: str
    ranks: int
    spread: float | None
    detectable: float | None
    text: str | None


class SlowHostEntry(TypedDict):
    """A host that was slow in most of the runs that it took part in."""

    over: Literal["campaign", "history"]
    host: str
    excess: float
    slow: int
    runs: int
    of_runs: int
    text: str


class NetworkEntry(TypedDict):
    """The network of a projection (analysis.projection.Network), and the source of its numbers."""

    latency_s: float
    bandwidth: float
    ranks_per_node: int
    inner_latency_s: float
    inner_bandwidth: float
    algorithm: str
    source: str


class BasisEntry(TypedDict):
    """The basis of a projection."""

    own_s: float
    gradient_bytes: float
    overlap: float
    communication_cost: float
    calibrated: bool
    cores: int | None
    network: NetworkEntry


class PointEntry(TypedDict):
    """One projected scale; ``band`` holds what all measured scales leave open."""

    ranks: int
    nodes: int
    efficiency: float
    band: Interval
    assumed: bool
    step_s: float
    simulation_error_s: float
    own_s: float
    straggling_s: float
    communication_s: float


class CheckEntry(TypedDict):
    """A measured scale predicted from the two smallest."""

    ranks: int
    fitted_on: list[int]
    measured: float
    predicted: float
    error: float


class ProjectionEntry(SeriesEntry):
    """Not measured: how a series would scale further."""

    label: Literal["projected"]
    measured_ranks: list[int]
    base_ranks: int
    basis: BasisEntry
    points: list[PointEntry]
    check: list[CheckEntry]


class MeanFacts(TypedDict):
    """Mean of n values, their sample standard deviation and the mean's interval; null of one value."""

    mean: float
    deviation: float | None
    interval: Interval | None
    n: int


class MeanEntry(MeanFacts, total=False):
    """Of a metric also whether its method is the best, of a throughput its unit."""

    best: bool
    unit: str


class MatrixDataset(TypedDict, total=False):
    """A row of a matrix."""

    name: str | None
    source: str | None
    split: str | None
    version: str | None
    checksum: str | None


class MetricEntry(TypedDict):
    """A metric of a matrix: which way is better, where that is stated, and the target, where it has one."""

    name: str
    better: Literal["higher", "lower"] | None
    target: float | None


class CellEntry(TypedDict):
    """What the repeats of one method on one data set came to; ``row`` is the data set's place."""

    row: int
    dataset_name: str | None
    method: str
    n: int
    failed: int
    metrics: dict[str, MeanEntry]
    throughput: MeanEntry
    time_to_accuracy_s: MeanEntry | None
    reached: int
    energy_j: MeanEntry | None


class PublishedEntry(TypedDict):
    """A published value, and where it is from."""

    dataset: str
    method: str
    metric: str
    value: float
    source: str


class MatrixEntry(TypedDict):
    """Data sets × methods of one benchmark under the same conditions."""

    benchmark: str
    cluster: str
    comm: str
    recipe: str
    scale: str
    run_mode: str
    settings: dict[str, object]
    nodes: int
    ranks: int
    datasets: list[MatrixDataset]
    methods: list[str]
    metrics: list[MetricEntry]
    cells: list[CellEntry]
    published: list[PublishedEntry]


class ReportFacts(TypedDict):
    """The keys of every report."""

    schema: Literal["orchestrator.report/1"]
    campaign: str
    planned: int
    runs: list[RunEntry]
    comparison: list[RecipeEntry]
    matrix: list[MatrixEntry]
    scales: list[ScaleEntry]
    scaling: list[ScalingEntry]
    laws: list[LawEntry]
    stragglers: list[StragglerEntry]
    rank_spread: list[RankSpreadEntry]
    slow_hosts: list[SlowHostEntry]


class ReportDocument(ReportFacts, total=False):
    """The report of a campaign; with a projection where one was asked for. Its JSON says in ``not_numbers`` what stood
    in the place of numbers that are null, by their places.
    """

    projection: list[ProjectionEntry]
    not_numbers: dict[str, str]


def values_of(entry: Mapping[str, object], names: Iterable[str]) -> list[Any]:
    """Values of an entry by names that are only known when the program runs, such as a table's columns; None for a key
    that is not there.
    """
    return [entry.get(name) for name in names]
