"""What a report's document says of runs that are alike: recipes beside each other, scales, efficiencies, laws."""

from __future__ import annotations

from typing import TypedDict

from orchestrator.analysis.epochs import Epochs
from orchestrator.report.entries.values import Interval, SplitEntry, Spread


class RecipeEntry(TypedDict):
    """One of several recipes that were measured under the same conditions. ``samples_per_s`` is in ``unit``, over the
    same ``epochs`` for all of them.
    """

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
    epochs: Epochs
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
    """The keys that the entries of a series share; ``mode`` is its scaling, ``run_mode`` the mode of its runs,
    ``epochs`` those that throughputs and efficiencies are of: warm ones where every run of the series has some.
    """

    cluster: str
    dataset: str
    mode: str
    comm: str
    recipe: str
    run_mode: str
    epochs: Epochs
    settings: dict[str, object]


class ScaleThroughput(TypedDict):
    """Throughput at one scale, in ``unit``: over the epochs of its series.

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
    cancelled: int
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
