"""TensorBoard's event files, a folder for each run: losses by step, quality by epoch, throughputs, and what was run.

PLACE/CAMPAIGN/RUN/events.out.tfevents.SECONDS.sciml-orchestrator        tensorboard --logdir PLACE
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError
from orchestrator.report.formats import Report
from orchestrator.report.formats.rows import RUN, run_rows
from orchestrator.report.run_files import own_attempt
from orchestrator.store.rows import RunRecord
from orchestrator.telemetry.losses import read_losses

SUFFIX = ".sciml-orchestrator"
THROUGHPUTS = ("throughput", "throughput_cold", "throughput_warm", "time_to_accuracy_s", "energy_j")


def write(reports: Sequence[Report], place: Path) -> str:
    """Write the folder; return its path. Raises UsageError without tensorboardX."""
    try:
        from tensorboardX.proto.event_pb2 import Event
        from tensorboardX.record_writer import RecordWriter
        from tensorboardX.summary import scalar, text
    except ImportError as error:
        raise UsageError(
            "TensorBoard's files need tensorboardX: pip install 'sciml-orchestrator[tensorboard]'"
        ) from error
    for report in reports:
        for record, row in zip(report.records, run_rows([report]), strict=True):
            folder = place / file_name(report.campaign) / file_name(record.run["run"])
            folder.mkdir(parents=True, exist_ok=True)
            # A second export replaces the first, since TensorBoard would draw both; what else is there stays.
            for earlier in folder.glob(f"events.out.tfevents.*{SUFFIX}"):
                earlier.unlink()
            created = record.run["created"]
            writer = RecordWriter(str(folder / f"events.out.tfevents.{int(created)}{SUFFIX}"))
            table = "\n".join(f"{name}: {value}  " for name, value in zip(RUN, row, strict=True) if value is not None)
            writer.write(Event(wall_time=created, file_version="brain.Event:2").SerializeToString())
            writer.write(Event(wall_time=created, summary=text("run", table)).SerializeToString())
            for tag, value, step, moment in scalars(record):
                event = Event(wall_time=moment, step=step, summary=scalar(tag, value))
                writer.write(event.SerializeToString())
            writer.close()
    return str(place)


def file_name(name: str) -> str:
    """Return a name with no character that a file system or TensorBoard takes for a separator."""
    return re.sub(r"[^\w.=-]+", "_", name).strip(".") or "_"


def scalars(record: RunRecord) -> Iterator[tuple[str, float, int, float]]:
    """Yield tag, value, step and time (s since 1970): losses by step, quality by epoch, and what a run has once."""
    run: Any = record.run
    created = run["created"]
    attempt = own_attempt(run["directory"], run["campaign"], run["run"], run["attempts"])
    course = read_losses(attempt.telemetry) if attempt else None
    if course:
        for player, losses in course.losses.items():
            for number, (value, seconds) in enumerate(zip(losses.tolist(), course.seconds.tolist(), strict=True), 1):
                yield f"loss{player}", value, course.first_step + number, created + seconds
    for row in record.evaluations:
        if row["value"] is not None:
            yield f"quality/{run['metric'] or 'value'}", row["value"], row["epoch"], created + row["seconds"]
    for name in THROUGHPUTS:
        if run.get(name) is not None:
            yield f"run/{name}", run[name], 0, run.get("ended") or created
    for phase in record.phases:
        yield f"phase_s/{phase['name']}", phase["seconds"], 0, run.get("ended") or created
