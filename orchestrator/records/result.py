"""The result of a run: the file that rank 0 writes last, after a success."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, TypeAlias, TypedDict

from orchestrator.records.checking import Amount, Count, Moment, PlainName, Positive, Whole
from orchestrator.records.inventory import NodeInventory
from orchestrator.records.promise import ComparedNodes

RESULT_SCHEMA: Final = "orchestrator.result/1"
ACCOUNT_SCHEMA: Final = "orchestrator.account/1"


class QualityResult(TypedDict):
    """How good it was. ``value`` is that of ``metric``, null where it was never evaluated; ``all`` has every metric.

    ``basis`` says where the target comes from.
    """

    metric: str
    value: float | None
    target: float | None
    basis: str | None
    reached: bool
    all: dict[str, float]


class Data(TypedDict):
    """The data set that was read. Benchmarks add what else describes theirs."""

    name: str
    source: Literal["real", "stand-in"]
    split: str
    version: str | int
    checksum: str


class NodeEnergy(TypedDict):
    """Energy that one node's meters counted, J; null if it has none."""

    host: str
    j: Amount | None


class MeterEnergy(TypedDict):
    """Energy that the meters of one scope and source counted together, J."""

    scope: str
    source: str
    count: Count
    j: Amount | None


class SlowedFacts(TypedDict):
    """A device that ran slower than it could while it was measured, and the cause: heat or its power limit."""

    host: str
    what: str
    by: str


class Slowed(SlowedFacts, total=False):
    """A device that was slowed, and how much: the share of readings that found it so, or the system's count of it."""

    share: float
    times: int


class Account(TypedDict):
    """Energy that the scheduler's accounting has of the run's job, J: from the start of its ranks to their end, set-up
    and staging too. ``others``: what else is in it.
    """

    schema: Literal["orchestrator.account/1"]
    job: str
    j: Amount
    source: str
    others: str | None


class EnergyFacts(TypedDict):
    """What the run's meters counted over the measured ``seconds``, J; null, with the ``reason``, where not all did.

    ``to_accuracy_j`` is the same up to the evaluation that reached the target; ``period_s`` is between two readings.
    """

    j: Amount | None
    to_accuracy_j: Amount | None
    seconds: Amount
    period_s: Amount
    source: str | None
    reason: str | None
    nodes: list[NodeEnergy]


class Energy(EnergyFacts, total=False):
    """The energy of a run. ``scope`` is what the joules cover, ``others`` tells what else than the run may be in them;
    version 0.1 has neither.
    """

    scope: str | None
    others: str | None
    meters: list[MeterEnergy]
    slowed: list[Slowed]


class ProcessorFacts(TypedDict):
    """One kind of processor that ranks ran on; ``microcode`` is its state or, without one, the silicon's."""

    name: str
    microcode: str | None


class Processors(ProcessorFacts, total=False):
    """A kind of processor: how many cores, threads and sockets of it a node has, the sizes of its caches by level, and
    how many ranks ran on it.
    """

    cores: int | None
    threads: int | None
    sockets: int | None
    numa_nodes: int | None
    caches: dict[str, str]
    ranks: int


class WorldFacts(TypedDict):
    """The host, device and cores of each rank."""

    ranks: Positive
    nodes: Positive
    hosts: list[str]
    devices: list[str]
    cores: list[str]
    comm: str
    threads_per_rank: Positive


Layout: TypeAlias = list[list[str]]
"""The cores of a node: NUMA domains of cores, each the hardware threads of it ("0,64")."""


class World(WorldFacts, total=False):
    """The places of all ranks, with the kinds of their processors, which version 0.1 lacks.

    ``layouts`` are the layouts of cores that nodes have, ``layout_of_rank`` is the number of each rank's, and
    ``unbound`` is why ranks have no cores of their own. ``usable_cores`` are those that rank 0 could use before it was
    bound. ``promise`` is what the profile promised of each node beside what was found.
    """

    processors: list[Processors]
    layouts: list[Layout]
    layout_of_rank: list[Count]
    unbound: str | None
    usable_cores: int
    promise: list[ComparedNodes]


def processors_text(world: Mapping[str, Any]) -> str | None:
    """The kinds of processor of a result's ``world`` with their microcode, in one line, most ranks first; None where it
    does not say.
    """
    kinds = sorted(world.get("processors", []), key=lambda kind: -kind.get("ranks", 0))
    words = [
        kind["name"] + (f" (microcode {kind['microcode']})" if kind.get("microcode") else "")
        for kind in kinds
    ]  # fmt: skip
    return "; ".join(dict.fromkeys(words)) or None


class StepWorkResult(TypedDict):
    """What one rank does in one optimiser step on ``samples``: operations, and bytes read and written. These
    samples are in the unit of throughput.
    """

    samples: Positive
    flop: Whole
    bytes: Whole


class TrainingResult(TypedDict, total=False):
    """What was trained, and how: counts over all attempts, settings as they were used, ``elapsed_s`` in seconds.

    ``measured_samples`` are those of the last attempt, of which telemetry and energy are.
    ``unit`` is that of ``samples`` and of throughput: "samples" unless the data set counts tokens or points.
    ``computing`` are those of the ``parameters`` that each of these is multiplied with, where a task says it.
    """

    epochs: Count
    steps: Count
    samples: Whole
    measured_samples: Whole
    unit: str
    elapsed_s: Amount
    redone_s: Amount
    global_batch: Positive
    learning_rate: float
    learning_rate_scaling: str
    precision: str
    gradient_precision: str
    channels_last: bool
    compile: bool
    kernels: str
    fused: bool
    parameters: int
    computing: Whole
    step_work: StepWorkResult | None


class Weights(TypedDict):
    """Where the weights came from that inference used; campaign and run are null where their file does not say."""

    source: Literal["checkpoint", "initialised"]
    path: str | None
    sha256: str | None
    campaign: str | None
    run: str | None


class LoadTime(TypedDict):
    """Seconds from nothing to the model on the device."""

    slowest: Amount
    per_rank: list[Amount]


class Latency(TypedDict):
    """Latency of ``n`` single samples over all ranks, ms."""

    batch_size: int
    n: int
    mean: Amount
    p50: Amount
    p90: Amount
    p99: Amount
    max: Amount


class Latencies(TypedDict):
    """Latencies of samples in memory, and of samples read from their file."""

    memory: Latency
    file: Latency


class BatchThroughput(TypedDict):
    """Samples a second out of memory in batches of that size; ``samples_per_s`` is the sum over the ranks."""

    batch_size: int
    samples_per_s: Amount
    per_rank: list[Amount]


class EndToEnd(TypedDict):
    """The pass over the evaluation set, from file to prediction."""

    batch_size: int
    passes: int
    samples: int


class Prediction(TypedDict, total=False):
    """What a sample's prediction is in words, such as "a text of 32 tokens", where a run says it."""

    what: str


class Predicted(Prediction):
    """What a sample's prediction is made of: ``per_sample`` of a ``unit``, such as 32 tokens of a text."""

    unit: str
    per_sample: Amount


class Counted(TypedDict, total=False):
    """How predictions are counted, where that is not by samples."""

    predicted: Predicted


class InferenceResult(Counted):
    """The measurements of mode=inference."""

    weights: Weights
    parameters: int
    precision: str
    channels_last: bool
    compile: bool
    load_s: LoadTime
    latency_ms: Latencies
    throughput: list[BatchThroughput]
    end_to_end: EndToEnd


class ProbeResult(TypedDict):
    """The findings of mode=probe: each node's inventory, by node number."""

    inventory: dict[str, NodeInventory]


class Measured(TypedDict):
    """The entries that every procedure returns on rank 0. ``stopped`` says what ended a training."""

    stopped: Literal["target", "epochs", "steps"] | None
    quality: QualityResult
    time_to_accuracy_s: Amount | None


class Procedures(TypedDict, total=False):
    """The further entries of the procedures, each under its own key."""

    training: TrainingResult
    inference: InferenceResult
    probe: ProbeResult


class ProcedureResult(Measured, Procedures):
    """All that a procedure returns on rank 0."""


class ResultFacts(ProcedureResult):
    """Keys that every version has written."""

    schema: Literal["orchestrator.result/1"]
    run: PlainName
    campaign: PlainName
    mode: str
    state: Literal["completed"]
    pictures: list[PlainName]
    ended: Moment
    world: World
    dataset: Data
    warnings: list[str]


class Result(ResultFacts, total=False):
    """The result of a run. Early versions say nothing of energy.

    ``stood_still_s`` is the longest time that any rank stood still while it was measured, as in a suspended job, s;
    absent where none did.
    """

    energy: Energy | None
    stood_still_s: Amount


class CollectedResult(Result, total=False):
    """The result of a run that was collected. ``account`` is what the scheduler says of its job, where it does."""

    account: Account
