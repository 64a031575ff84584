"""The record of an acceptance: a folder that holds all that its verdict rests on, and the checksums of it all.

verdict.json  verdict.xml  index.html     the verdict: for programs, for CI systems, for people and paper
suite.json                                the resolved suite: checks, bounds, configurations, references, nodes
runs.json                                 which run served which workload of which phase, and how it ended
inventory.json                            what each node is made of
runs/CAMPAIGN/RUN/                        manifest, and of each attempt telemetry, result, failure and logs
SHA256SUMS                                of every other file, as ``sha256sum --check`` reads it
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from orchestrator import __version__
from orchestrator.acceptance.entries import LeftOut
from orchestrator.acceptance.findings import Check, reference_of
from orchestrator.acceptance.measurements import Entry
from orchestrator.acceptance.suite import Suite
from orchestrator.acceptance.suite_entries import SuiteDocument
from orchestrator.config.redaction import redact
from orchestrator.records import (
    NodeInventory,
    RecordError,
    RunDirectory,
    read_json,
    read_record,
    write_json,
    write_text,
)
from orchestrator.records.checking import Moment
from orchestrator.records.files import open_plain
from orchestrator.records.spec import known_fields

INVENTORY = "inventory.json"
SUITE_SCHEMA = "orchestrator.acceptance-suite/1"
RUNS_SCHEMA = "orchestrator.acceptance-runs/1"
SUMS = "SHA256SUMS"
KEPT = ("telemetry.h5", "result.json", "failure.json", "heartbeat.json", "mllog.txt", "stdout.txt", "stderr.txt")


@dataclass
class Session:
    """The course of an acceptance: its runs in order, and the phases that were run.

    ``stopped_after`` names the phase whose failure ended it. ``left_out`` lists nodes with the phase after which they
    were left out. ``started`` and ``ended`` are seconds since the epoch.
    """

    started: Moment
    ended: Moment = 0.0
    entries: list[Entry] = field(default_factory=list)
    ran: list[str] = field(default_factory=list)
    stopped_after: str | None = None
    interrupted: bool = False
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def campaigns(self) -> list[str]:
        """The names of its campaigns, in order."""
        return list(dict.fromkeys(entry.campaign for entry in self.entries))


@dataclass(frozen=True)
class Record:
    """The folder of a record."""

    path: Path

    def write_suite(self, suite: Suite, checks: Sequence[Check]) -> None:
        """Write suite.json, without secrets."""
        document = {
            "schema": SUITE_SCHEMA,
            "version": __version__,
            "name": suite.name,
            "record": self.path.name,
            "summary": suite.settings["summary"],
            "cluster": suite.cluster,
            "nodes": {**asdict(suite.nodes), "count": suite.count},
            "phases": suite.phases,
            "checks": [asdict(check) for check in checks],
            "workloads": suite.settings["workloads"],
            "configs": suite.configs,
            "references": {name: asdict(entry) for name, entry in suite.references.items()},
        }
        write_json(self.path / "suite.json", redact(document))

    def suite(self) -> SuiteDocument:
        """Read suite.json. Raises RecordError."""
        return read_record(self.path / "suite.json", SuiteDocument)

    def checks(self) -> list[Check]:
        """Read the checks of suite.json. Raises RecordError."""
        found = self.suite()["checks"]
        try:
            checks = [Check.from_dict(values) for values in found]
            for bound in (bound for check in checks for bound in check.bounds.values()):
                reference_of(bound)
            for check in checks:
                # Raises ValueError for repeats that cannot be.
                _ = check.looks
            return checks
        except ValueError as error:
            raise RecordError(f"{self.path / 'suite.json'} is not of this version: {error}") from error

    def write_session(self, session: Session) -> None:
        """Write runs.json, the index of runs."""
        write_json(self.path / "runs.json", {"schema": RUNS_SCHEMA, **asdict(session)})

    def session(self) -> Session:
        """Read runs.json. Raises RecordError, also for a run that it lists twice, which would count twice."""
        try:
            values = known_fields(Session, read_json(self.path / "runs.json"))
            entries = [Entry(**known_fields(Entry, one)) for one in values["entries"]]
        except RecordError as error:
            raise RecordError(f"{self.path / 'runs.json'} is not of this version: {error}") from error
        listed = Counter(entry.folder for entry in entries)
        if twice := sorted(folder for folder, count in listed.items() if count > 1):
            raise RecordError(f"{self.path / 'runs.json'} lists {twice[0]} {listed[twice[0]]} times")
        return Session(**{**values, "entries": entries})

    def copy_run(self, directory: RunDirectory, entry: Entry) -> None:
        """Copy a run's manifest, measurements and logs into the record, without its checkpoints."""
        target = RunDirectory(self.path / entry.folder)
        target.path.mkdir(parents=True, exist_ok=True)
        copy_plain(directory.manifest, target.manifest)
        for attempt in directory.attempts():
            kept = target.attempt(attempt.number).path
            kept.mkdir(exist_ok=True)
            for name in KEPT:
                if (attempt.path / name).is_file():
                    copy_plain(attempt.path / name, kept / name)

    def seal(self) -> None:
        """Write the checksums of all files."""
        write_text(self.path / SUMS, "".join(f"{digest}  {name}\n" for name, digest in checksums_of(self.path).items()))


def checksums_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every plain file in a folder but SHA256SUMS itself and its signatures, sorted by name."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not path.is_symlink() and not name.startswith(SUMS):
            found[name] = file_digest(path)
    return found


def file_digest(path: Path) -> str:
    """Return a plain file's SHA-256. Raises RecordError."""
    whole = hashlib.sha256()
    with os.fdopen(open_plain(path), "rb") as file:
        while block := file.read(1 << 20):
            whole.update(block)
    return whole.hexdigest()


def copy_plain(source: Path, target: Path) -> None:
    """Copy a plain file. Raises RecordError, OSError."""
    with os.fdopen(open_plain(source), "rb") as reading, target.open("wb") as writing:
        shutil.copyfileobj(reading, writing)


def inventory_of(
    inventories: Sequence[tuple[Sequence[str], Mapping[str, NodeInventory]]],
) -> dict[str, NodeInventory]:
    """Return each host's inventory, from the probes' pairs (hosts by node, inventory by node number)."""
    found: dict[str, NodeInventory] = {}
    for hosts, by_node in inventories:
        for number, facts in by_node.items():
            if number.isascii() and number.isdigit() and int(number) < len(hosts):
                found[hosts[int(number)]] = facts
    return dict(sorted(found.items()))
