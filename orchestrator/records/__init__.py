"""The contract between the login-node side and the ranks: what is written where, and in what form.

Imports the standard library and NumPy alone, so that both sides may import it. Every file here is written whole or
not at all: to a temporary name beside it, then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError

MANIFEST_SCHEMA = "orchestrator.manifest/1"
RESULT_SCHEMA = "orchestrator.result/1"
FAILURE_SCHEMA = "orchestrator.failure/1"
STOP_SCHEMA = "orchestrator.stop/1"

PHASES = (
    "import",
    "rendezvous",
    "staging",
    "build",
    "first_step",
    "train",
    "load",
    "latency",
    "throughput",
    "end_to_end",
    "nodes",
    "pairs",
    "allreduce",
    "evaluate",
    "checkpoint",
)
"""Phases of a run in the order they begin: training alternates with evaluation and checkpoints, which are summed;
from "load" on to "end_to_end" are those of inference, from "nodes" to "allreduce" those of a probe.
"""

STEP_TIMES = ("total", "data", "compute", "communicate")
"""Seconds of each training step, per rank; ``communicate`` is what the exchange of gradients took of a rank's time."""

STATES = (
    "planned",
    "submitted",
    "pending",
    "running",
    "completed",
    "failed",
    "timeout",
    "preempted-requeued",
    "node-failed",
    "cancelled",
    "lost",
)
FINAL_STATES = frozenset({"completed", "failed", "timeout", "node-failed", "cancelled", "lost"})

ALIVE_SLOT_BYTES = 64
"""Size of a rank's slot in the liveness file: JSON, padded with spaces and ended by a newline."""


class RecordError(OrchestratorError, ValueError):
    """A record could not be read; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class RunSpec:
    """One planned run: all that a rank needs to know. ``settings`` is the resolved benchmark configuration."""

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


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run, on the file system that the nodes share."""

    path: Path

    @property
    def manifest(self) -> Path:
        """What was planned."""
        return self.path / "manifest.json"

    @property
    def checkpoint(self) -> Path:
        """Folder of the newest complete training state."""
        return self.path / "checkpoint"

    @property
    def weights(self) -> Path:
        """The trained model, written when training is done."""
        return self.checkpoint / "model.pt"

    @property
    def jobs(self) -> Path:
        """Folder that belongs to submitit."""
        return self.path / "job"

    def attempt(self, number: int) -> AttemptDirectory:
        """Files of the attempt of that number; the first is 1."""
        return AttemptDirectory(self.path / f"attempt-{number}")

    def newest_attempt(self, known: int) -> int:
        """Number of the newest attempt, from one that is known: a job that the scheduler starts again makes its attempt
        itself.
        """
        while self.attempt(known + 1).claim.exists():
            known += 1
        return known

    def attempts(self) -> list[AttemptDirectory]:
        """All attempts that were started, in order."""
        found = [path for path in self.path.glob("attempt-*") if path.name[8:].isdigit()]
        return [AttemptDirectory(path) for path in sorted(found, key=lambda path: int(path.name[8:]))]

    def read_manifest(self) -> Manifest:
        """The manifest; raises RecordError if it is missing or not one."""
        values = read_json(self.manifest)
        try:
            return Manifest.from_dict(values)
        except (KeyError, TypeError, RecordError) as error:
            raise RecordError(f"{self.manifest} is not a manifest of this version: {error}") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest whole."""
        write_json(self.manifest, manifest.to_dict())


@dataclass(frozen=True)
class AttemptDirectory:
    """The files of one start of a run."""

    path: Path

    @property
    def number(self) -> int:
        """1 for the first start."""
        return int(self.path.name[8:])

    @property
    def telemetry(self) -> Path:
        """What every rank measured."""
        return self.path / "telemetry.h5"

    @property
    def heartbeat(self) -> Path:
        """Rank 0's progress, renewed about once a second."""
        return self.path / "heartbeat.json"

    @property
    def alive(self) -> Path:
        """One slot a rank, renewed by a thread of that rank."""
        return self.path / "alive"

    @property
    def result(self) -> Path:
        """Written last, by rank 0, when all went well."""
        return self.path / "result.json"

    @property
    def failure(self) -> Path:
        """Written by whoever watches the ranks, when it did not."""
        return self.path / "failure.json"

    @property
    def claim(self) -> Path:
        """Written first, by the job that the attempt became: which one that is."""
        return self.path / "job.json"

    @property
    def ended(self) -> Path:
        """Written last of all, by whoever watched the ranks: all of them have ended well and the result stands."""
        return self.path / "ended.json"

    @property
    def errors(self) -> Path:
        """Folder of the exceptions that ranks died of, one file a rank."""
        return self.path / "errors"

    @property
    def stop_request(self) -> Path:
        """Written by whoever watches the ranks, to have them checkpoint and stop at the next step."""
        return self.path / "stop-request.json"

    @property
    def stopped(self) -> Path:
        """Written last, by rank 0, when the ranks have done so."""
        return self.path / "stopped.json"

    @property
    def over(self) -> bool:
        """Whether its end is written down or a later attempt has begun: whoever still works on it must not go on."""
        return (
            self.failure.exists() or AttemptDirectory(self.path.with_name(f"attempt-{self.number + 1}")).claim.exists()
        )

    @property
    def mllog(self) -> Path:
        """MLPerf's log of the run."""
        return self.path / "mllog.txt"

    @property
    def pictures(self) -> Path:
        """Some inputs, truths and predictions, drawn by rank 0 after training."""
        return self.path / "samples.png"

    @property
    def stdout(self) -> Path:
        """What the ranks and their launcher printed."""
        return self.path / "stdout.txt"

    @property
    def stderr(self) -> Path:
        """What the ranks and their launcher complained of."""
        return self.path / "stderr.txt"


def canonical_json(document: Any) -> str:
    """JSON with sorted keys and no spaces: equal documents give equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def document_hash(document: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file by rename. Raises OSError, leaving any earlier file as it was."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with staged.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file by rename."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises RecordError naming the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordError(f"{path} does not exist") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise RecordError(f"{path} holds {type(document).__name__}, not an object")
    return document


def read_json_if_whole(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None if it is absent or not (yet) readable."""
    try:
        return read_json(path)
    except RecordError:
        return None


@dataclass(frozen=True)
class AliveSlot:
    """What a rank's liveness thread last wrote. ``waiting`` tells whether it waited for other ranks then."""

    rank: int
    written: float
    pid: int
    phase: str
    step: int
    waiting: bool

    def encode(self) -> bytes:
        """The slot's bytes, always ALIVE_SLOT_BYTES long."""
        text = json.dumps([round(self.written, 1), self.pid, self.phase, self.step, int(self.waiting)])
        return text[: ALIVE_SLOT_BYTES - 1].ljust(ALIVE_SLOT_BYTES - 1).encode() + b"\n"


def read_alive(path: Path) -> dict[int, AliveSlot]:
    """The ranks' newest slots; ranks that have not written yet are absent."""
    try:
        content = path.read_bytes()
    except OSError:
        return {}
    slots = {}
    for rank in range(len(content) // ALIVE_SLOT_BYTES):
        raw = content[rank * ALIVE_SLOT_BYTES : (rank + 1) * ALIVE_SLOT_BYTES]
        try:
            written, pid, phase, step, waiting = json.loads(raw)
        except ValueError:
            continue
        slots[rank] = AliveSlot(rank, written, pid, phase, step, bool(waiting))
    return slots


def alive_period(ranks: int) -> float:
    """Seconds between two liveness writes of a rank: at most some hundred writes a second over the whole job."""
    return max(1.0, ranks / 256)


def now() -> float:
    """Seconds since the epoch: the clock of everything that crosses hosts."""
    return time.time()


def requeues(manifest: Manifest) -> bool:
    """Whether Slurm itself starts the run's job again after a node's failure or a stop; not where another node is to be
    asked for.
    """
    cluster = manifest.config["cluster"]
    slurm = cluster["slurm"]
    return bool(slurm["requeue"] and cluster["limits"]["max_attempts"] > 1 and not slurm["exclude_failed_nodes"])
