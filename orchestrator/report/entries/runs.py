"""What a report's document says of one run."""

from __future__ import annotations

from typing import Literal, TypedDict

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
from orchestrator.report.entries.values import SplitEntry


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


class BySizeEntry(TypedDict):
    """Operations of each device while training by the rule of 6 N an item, N the ``parameters`` that an item is
    multiplied with (Kaplan et al. 2020, arXiv 2001.08361), and their fraction of its stated peak.
    """

    parameters: int
    flop_per_s: float
    of_bf16_peak: float | None


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
    threads_per_rank: int | None
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
    by_size: BySizeEntry | None
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


def reached_target(run: RunEntry) -> bool:
    """Whether a training reached its quality target, also one whose times are withheld as it stood still meanwhile."""
    return run["time_to_accuracy_s"] is not None or bool(run["quality"]["reached"])


def had_target(run: RunEntry) -> bool:
    """Whether there was a quality to reach. Of what others measured it is known only whether they reached theirs."""
    return run["quality"]["target"] is not None or run["quality"]["reached"] is None


def missed_target(run: RunEntry) -> bool:
    """Whether a run fell short of its quality target, if it has one. A run that was cut to a few steps and a model that
    was never trained could not reach it, and do not count.
    """
    if not had_target(run):
        return False
    if run["mode"] == "training":
        return not reached_target(run) and run["stopped"] != "steps"
    inference = run["inference"]
    if run["mode"] == "inference" and inference and inference["weights"]["source"] != "checkpoint":
        return False
    return not run["quality"]["reached"]


def devices_slowed(run: RunEntry) -> int:
    """Return how many devices heat or a power limit slowed while the run was measured."""
    return len({(entry["host"], entry["what"]) for entry in run["energy"]["slowed"]})
