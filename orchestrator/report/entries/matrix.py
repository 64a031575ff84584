"""What a report's document says of data sets × methods."""

from __future__ import annotations

from typing import Literal, TypedDict

from orchestrator.report.entries.values import Interval


class MeanFacts(TypedDict):
    """Mean of n values, their sample standard deviation and the mean's interval; null of one value."""

    mean: float
    deviation: float | None
    interval: Interval | None
    n: int


class MeanEntry(MeanFacts, total=False):
    """Of a metric also whether its method is the best, of a throughput its unit and whether it is of warm epochs."""

    best: bool
    unit: str
    warm: bool


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
    target: float | None
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
