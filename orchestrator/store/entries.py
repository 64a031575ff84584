"""The rows that go into the store and come out of it: the columns of ``tables`` as types.

A run becomes known step by step, and a query may choose columns: any column of a run may be missing. None is what was
not measured. Units are those of ``tables``, and a test
holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from orchestrator.records import Provenance, State
from orchestrator.records.checking import Amount, Count, Moment, Positive, Range, Whole
from orchestrator.records.settings import Configuration
from orchestrator.records.spec import MOST_ATTEMPTS
from orchestrator.records.typed import NotRequired, TypedDict

Measure = Literal[
    "throughput_cold", "throughput_warm", "quality", "time_to_accuracy_s", "energy_j", "energy_to_accuracy_j"
]
"""Columns of a run that hold what was measured."""


class SeriesKey(TypedDict):
    """What two runs must share to be compared. Single runs count as a weak scale of their node count.

    Strong scaling from another smallest scale has another global batch, and the threads of a rank follow from the
    largest scale on one machine: runs that look alike by name do other work then, or with more of the machine.
    """

    benchmark: str
    method: str
    cluster: str
    comm: str
    mode: str
    recipe: str
    scale: str
    nodes: int
    ranks: int
    threads_per_rank: int | None
    global_batch: int | None
    dataset_name: str | None
    dataset_source: str | None
    dataset_split: str | None
    dataset_version: str | None
    dataset_checksum: str | None


KEY = tuple(SeriesKey.__annotations__)
"""The same as columns of a run."""


class RunRow(TypedDict, total=False):
    """One run: a row of ``run``. ``id``, ``uid``, ``series`` and ``finality`` are the store's own."""

    id: int
    uid: str
    series: str
    campaign: str
    run: str
    benchmark: str
    cluster: str
    comm: str
    mode: str
    method: str
    recipe: str
    scale: str
    nodes: Positive
    ranks: Positive
    threads_per_rank: Positive | None
    global_batch: Whole | None
    repeat: Count
    seed: Whole
    state: State
    finality: Count
    attempts: Annotated[int, Range(0, MOST_ATTEMPTS)]
    created: Moment
    ended: Moment | None
    config_hash: str
    git_commit: str | None
    git_dirty: bool | None
    stopped: Literal["target", "epochs", "steps"] | None
    dataset_name: str | None
    dataset_source: Literal["real", "stand-in"] | None
    dataset_split: str | None
    dataset_version: str | None
    dataset_checksum: str | None
    throughput_unit: str
    throughput: Amount | None
    throughput_cold: Amount | None
    throughput_warm: Amount | None
    critical_s: Amount | None
    metric: str | None
    quality: float | None
    target: float | None
    time_to_accuracy_s: Amount | None
    energy_j: Amount | None
    energy_to_accuracy_j: Amount | None
    processors: str | None
    cause: str | None
    directory: str
    step_times: str | None
    manifest: str
    result: str | None


class StoredSpec(TypedDict, total=False):
    """What is read of a stored run's specification (records.RunSpec)."""

    threads_per_rank: Positive


class StoredManifest(TypedDict, total=False):
    """What was planned of a run, from ``manifest``: earlier versions wrote fewer keys. ``history`` holds its attempts
    (campaign/attempts.py), where it had several.
    """

    spec: StoredSpec
    config: Configuration
    provenance: Provenance
    created: Moment
    job_id: str | None
    order: Count
    planned: Count | None
    history: list[Any]


class HistoryRow(RunRow, total=False):
    """One run of Store.history: the columns that were chosen, the values of KEY as ``key`` if that was chosen, and the
    ISO week of its planning.
    """

    key: tuple[Any, ...]
    week: str


class Measures(TypedDict):
    """Throughput, in the run's unit, and times summed over the steps, s; None or missing where they were not measured.

    The store's column of ``waiting_s`` is named ``communicate_s``, as in version 0.1.
    """

    throughput: NotRequired[Amount | None]
    total_s: NotRequired[Amount | None]
    data_s: NotRequired[Amount | None]
    compute_s: NotRequired[Amount | None]
    waiting_s: NotRequired[Amount | None]


class RankRow(Measures):
    """One rank: its place and its measures."""

    rank: int
    host: str
    device: str
    node: int
    local_rank: int


class HostRow(Measures):
    """One host of a run: how many ranks it had, the sum of their throughputs and the means of their times."""

    host: str
    ranks: Positive


class HostHistoryRow(HostRow):
    """One host of one run of Store.host_history."""

    campaign: str
    run: str
    benchmark: str
    cluster: str
    comm: str
    recipe: str
    nodes: Positive
    created: Moment


class BaseChange(TypedDict):
    """An accepted change of base: of which series and metric (history.series_id), since when (s since the epoch), how
    large, and who accepted it when and why.
    """

    series: str
    metric: str
    since: Moment
    change: float | None
    accepted: Moment
    accepted_by: str
    why: str


class EvaluationRow(TypedDict):
    """One evaluation: seconds from the first touch of training data, and the value of the target's metric."""

    number: Count
    seconds: Amount
    epoch: Count
    value: float | None


class PhaseRow(TypedDict):
    """Seconds of one phase on its slowest rank."""

    name: str
    seconds: Amount


def columns_of(row: Mapping[str, object], names: Iterable[str]) -> tuple[object, ...]:
    """Values of a row by names that are only known when the program runs. Raises KeyError for one that is missing."""
    return tuple(row[name] for name in names)
