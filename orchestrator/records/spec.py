"""The plan of a run: its specification, and the manifest that names its job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, TypedDict, cast

from orchestrator.records.checking import (
    AS_COMPOSED,
    Amount,
    Count,
    Moment,
    PlainName,
    Positive,
    Range,
    RecordError,
    Whole,
    check_value,
)
from orchestrator.records.result import Processors
from orchestrator.records.settings import (
    CommunicatorName,
    Configuration,
    ModeName,
    SchedulerName,
    Settings,
    TrainingSettings,
)

MANIFEST_SCHEMA = "orchestrator.manifest/1"
MOST_ATTEMPTS = 100_000
ONLY_METHOD = "reference"
"""The method of a benchmark that has no other."""


class RunList(TypedDict):
    """The runs that are the tasks of one job array, in their order: each one's folder and the number of its attempt."""

    runs: list[list[str | int]]


class GitState(TypedDict, total=False):
    """The checkout that the run was planned from; nulls outside of one."""

    commit: str | None
    dirty: bool | None


class Provenance(TypedDict, total=False):
    """Which code, packages and machine planned a run; a package that is not installed is null.

    ``processors`` are those of the host that planned it, such as a login node; the result has those of the ranks.
    ``command`` plans the run again, with the others of its campaign.
    """

    git: GitState
    packages: dict[str, str | None]
    python: str
    executable: str
    host: str
    user: str
    kernel: str
    machine: str
    processors: Processors
    command: str


def choice_words(benchmark: str, dataset: str | None, method: str | None) -> list[str]:
    """Data set and method, where the benchmark has more than the one of each that goes without saying."""
    return [word for word, usual in ((dataset, benchmark), (method, ONLY_METHOD)) if word not in (None, "", usual)]


@dataclass(frozen=True)
class RunSpec:
    """One planned run: all that a rank needs to know. ``settings`` is the resolved benchmark configuration.

    ``dataset`` and ``method`` are those chosen of the benchmark; a benchmark that has one data set names it as itself.
    """

    campaign: PlainName
    run: PlainName
    benchmark: PlainName
    cluster: PlainName
    nodes: Positive
    ranks_per_node: Positive
    threads_per_rank: Positive
    repeat: Count
    seed: Whole
    comm: CommunicatorName
    mode: ModeName
    recipe: str
    scale: str
    settings: Annotated[Settings, AS_COMPOSED]
    data_folder: str
    silence_s: Amount
    startup_silence_s: Amount
    scratch_folder: str | None = None
    dataset: str = ""
    method: str = ONLY_METHOD

    def __post_init__(self) -> None:
        """Runs planned before benchmarks had several data sets name none."""
        if not self.dataset:
            object.__setattr__(self, "dataset", self.benchmark)

    @property
    def ranks(self) -> int:
        """World size that the run must find."""
        return self.nodes * self.ranks_per_node

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunSpec:
        """The inverse of ``asdict``; raises RecordError naming a key that is missing or of another type.

        Keys of later versions are ignored.
        """
        return cls(**known_fields(cls, values))


def global_batch(training: TrainingSettings, ranks: int) -> int:
    """Samples of one optimiser step over all ranks: as the training's settings fix it, else what the batches of all
    ranks sum to.
    """
    return int(training["global_batch_size"] or training["batch_size"] * ranks * training["accumulate"])


def batch_of(spec: Mapping[str, Any]) -> int | None:
    """The global batch of a run by its specification as a document; None of one that trains nothing."""
    training = spec.get("settings", {}).get("training")
    if spec.get("mode", "training") != "training" or not training or "batch_size" not in training:
        return None
    # Version 0.1 had neither key.
    settings = {"global_batch_size": None, "accumulate": 1, **training}
    return global_batch(cast(TrainingSettings, settings), spec["nodes"] * spec["ranks_per_node"])


@dataclass
class Manifest:
    """What was planned, by whom, from which code, and which job it became. Written before the scheduler is asked.

    ``order`` is the run's place, from 0, in the order in which the campaign's ``planned`` runs are started.
    ``asked`` is when it was asked for the newest attempt's job, by the clock of the host ``asked_on``; ``submitted``
    when it had answered. ``tag`` and ``label`` are the comment and the name that the job carries, ``task`` its index
    where it is one of an array.
    ``failed_nodes`` are those on which attempts of this run failed.
    """

    spec: RunSpec
    config: Annotated[Configuration, AS_COMPOSED]
    config_hash: str
    provenance: Provenance
    created: Moment
    submitted: Moment | None = None
    job_id: str | None = None
    scheduler: SchedulerName = "local"
    attempts: Annotated[int, Range(0, MOST_ATTEMPTS)] = 0
    attempt_jobs: list[str] = field(default_factory=list)
    order: Count = 0
    planned: Count | None = None
    asked: Moment | None = None
    tag: str | None = None
    label: str | None = None
    task: Count | None = None
    failed_nodes: list[str] = field(default_factory=list)
    asked_on: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return {"schema": MANIFEST_SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Manifest:
        """The inverse of ``to_dict``; raises RecordError naming a key that is missing or of another type."""
        if values.get("schema", MANIFEST_SCHEMA) != MANIFEST_SCHEMA:
            raise RecordError(f"schema is {values['schema']!r}, not {MANIFEST_SCHEMA!r}")
        known = known_fields(cls, values)
        # Checked with the rest already.
        return cls(**{**known, "spec": RunSpec(**fields_of(RunSpec, values["spec"]))})


def known_fields(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the dataclass's fields, checked against their types. Raises RecordError."""
    try:
        check_value(values, kind, "")
    except ValueError as error:
        raise RecordError(str(error)) from error
    return fields_of(kind, values)


def fields_of(kind: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the dataclass's fields."""
    return {name: values[name] for name in kind.__dataclass_fields__ if name in values}  # type: ignore[attr-defined]
