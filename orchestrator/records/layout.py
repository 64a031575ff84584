"""Which file of a run lies where, and which files of an attempt mean that it is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.records.checking import RecordError
from orchestrator.records.files import make_own, read_json, read_record_if_whole, write_json
from orchestrator.records.result import Result
from orchestrator.records.spec import Manifest


@dataclass(frozen=True)
class RunDirectory:
    """The files of one run, on the file system that the nodes share."""

    path: Path

    @property
    def manifest(self) -> Path:
        """The plan of the run."""
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

    def deciding_attempt(self, known: int) -> int:
        """Number of the attempt that is the run's record: the first with a result, else the newest. One is known; a job
        that the scheduler starts again makes its attempt itself.

        A run that has its result is over, whatever was started after it.
        """
        newest = known
        while self.attempt(newest + 1).claim.exists():
            newest += 1
        return next((number for number in range(1, newest) if self.attempt(number).completed), newest)

    def attempts(self) -> list[AttemptDirectory]:
        """All attempts that were started, in order."""
        found = [path for path in self.path.glob("attempt-*") if is_number(path.name[8:]) and not path.is_symlink()]
        return [AttemptDirectory(path) for path in sorted(found, key=lambda path: int(path.name[8:]))]

    def read_manifest(self) -> Manifest:
        """The manifest; raises RecordError if it is missing or not one."""
        return self.parse_manifest(read_json(self.manifest))

    def parse_manifest(self, values: dict[str, Any]) -> Manifest:
        """The manifest in a JSON document; raises RecordError if it is not one."""
        try:
            return Manifest.from_dict(values)
        except RecordError as error:
            raise RecordError(f"{self.manifest} is not a manifest of this version: {error}") from error

    def write_manifest(self, manifest: Manifest) -> None:
        """Write the manifest whole."""
        write_json(self.manifest, manifest.to_dict())


@dataclass(frozen=True)
class AttemptDirectory:
    """The files of one start of a run."""

    path: Path

    def make(self) -> None:
        """Make its folder, which may be there. Raises OSError, also for a link in its place.

        Links in it go: whoever made the folder would have what ranks write there written elsewhere.
        """
        make_own(self.path)
        for path in self.path.iterdir():
            if path.is_symlink():
                path.unlink()

    @property
    def number(self) -> int:
        """1 for the first start."""
        return int(self.path.name[8:])

    @property
    def telemetry(self) -> Path:
        """The measurements of every rank."""
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
    def account(self) -> Path:
        """Written when the run is collected: what the scheduler's accounting says of its job."""
        return self.path / "account.json"

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
    def completed(self) -> bool:
        """Whether all was measured and written, of an attempt that nobody works on any more.

        Whoever watched it may have died before it could confirm that.
        """
        if self.failure.exists():
            return False
        return self.result.exists() and read_record_if_whole(self.result, Result) is not None

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
        """Standard output of the ranks and their launcher."""
        return self.path / "stdout.txt"

    @property
    def stderr(self) -> Path:
        """Standard error of the ranks and their launcher."""
        return self.path / "stderr.txt"


def is_number(text: str) -> bool:
    """Whether a text is the number of an attempt."""
    return text.isascii() and text.isdigit() and len(text) < 10
