"""What was planned: the specification of a run, and the manifest that names its job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any

from orchestrator.records.files import RecordError

MANIFEST_SCHEMA = "orchestrator.manifest/1"
ONLY_METHOD = "reference"
"""The method of a benchmark that has no other."""


@dataclass(frozen=True)
class RunSpec:
    """One planned run: all that a rank needs to know. ``settings`` is the resolved benchmark configuration.

    ``dataset`` and ``method`` are those chosen of the benchmark; a benchmark that has one data set names it as itself.
    """

    campaign: str
    run: str
    benchmark: str
    cluster: str
    nodes: int
    ranks_per_node: int
    threads_per_rank: int
    repeat: int
    seed: int
    comm: str
    mode: str
    recipe: str
    scale: str
    settings: dict[str, Any]
    data_folder: str
    silence_s: float
    startup_silence_s: float
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
        """The inverse of ``asdict``; raises RecordError for a missing key and ignores those of later versions."""
        names = {item.name for item in fields(cls)}
        missing = sorted({item.name for item in fields(cls) if item.default is MISSING} - set(values))
        if missing:
            raise RecordError(f"run specification lacks {', '.join(missing)}")
        return cls(**{name: values[name] for name in names & set(values)})


def global_batch(training: Mapping[str, Any], ranks: int) -> int:
    """Samples of one optimiser step over all ranks: as the training's settings fix it, else what the batches of all
    ranks sum to.
    """
    return int(training["global_batch_size"] or training["batch_size"] * ranks * training["accumulate"])


@dataclass
class Manifest:
    """What was planned, by whom, from which code, and which job it became. Written before the scheduler is asked.

    ``order`` is the run's place, from 0, in the order in which the campaign's ``planned`` runs are started.
    ``asked`` is when it was asked for the newest attempt's job, ``submitted`` when it had answered; ``tag`` and
    ``label`` are the comment and the name that the job carries, ``task`` its index where it is one of an array.
    ``failed_nodes`` are those on which attempts of this run failed.
    """

    spec: RunSpec
    config: dict[str, Any]
    config_hash: str
    provenance: dict[str, Any]
    created: float
    submitted: float | None = None
    job_id: str | None = None
    scheduler: str = "local"
    attempts: int = 0
    attempt_jobs: list[str] = field(default_factory=list)
    order: int = 0
    planned: int | None = None
    asked: float | None = None
    tag: str | None = None
    label: str | None = None
    task: int | None = None
    failed_nodes: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return {"schema": MANIFEST_SCHEMA, **asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Manifest:
        """The inverse of ``to_dict``."""
        names = {item.name for item in fields(cls)} - {"spec"}
        return cls(spec=RunSpec.from_dict(values["spec"]), **{name: values[name] for name in names if name in values})
