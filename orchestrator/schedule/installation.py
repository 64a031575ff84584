"""Putting a schedule there and taking it away: its folder, and what its back end keeps of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from orchestrator.config.schema_schedule import NotifyConfig, ScheduleConfig
from orchestrator.records import write_text
from orchestrator.schedule.backends import BACK_ENDS, BackEndError, choose
from orchestrator.schedule.definition import Schedule, read
from orchestrator.schedule.templates import render


def start_script(schedule: Schedule) -> str:
    """The script that every back end starts."""
    return render(
        "start", identity=schedule.identity, directory=schedule.directory, environment=schedule.environment,
        python=schedule.python, folder=str(schedule.folder),
    )  # fmt: skip


def existing(schedule: Schedule) -> Schedule | None:
    """What is installed under the schedule's name."""
    return read(schedule.folder) if (schedule.folder / "schedule.json").exists() else None


def install(schedule: Schedule, scheduler: str) -> tuple[Schedule, bool]:
    """Install it, in place of what has its name; returns it as it is kept, and whether anything changed.

    Raises UsageError where no back end can be had, BackEndError where one fails: then what was there is there still.
    """
    before = existing(schedule)
    if schedule.via == "auto" and before is not None and BACK_ENDS[before.via]().missing(before) is None:
        # Installed again, it stays where it is.
        schedule.via = before.via
    back_end = choose(schedule.via, schedule, scheduler)
    schedule.via = back_end.name
    if schedule.same(before) and before is not None:
        schedule = before
    schedule.write()
    write_text(schedule.start, start_script(schedule))
    schedule.start.chmod(0o700)
    try:
        changed = back_end.install(schedule)
    except BackEndError:
        if before is None:
            forget(schedule)
        else:
            before.write()
        raise
    if before is not None and before.via != schedule.via:
        BACK_ENDS[before.via]().remove(before)
    return schedule, changed or schedule is not before


def remove(schedule: Schedule) -> bool:
    """Take it away; returns whether its back end had it. A sweep that runs goes on, but submits no successor."""
    forget(schedule)
    try:
        return BACK_ENDS[schedule.via]().remove(schedule)
    except BackEndError:
        schedule.write()
        write_text(schedule.start, start_script(schedule))
        schedule.start.chmod(0o700)
        raise


def remove_lost(results: Path, name: str) -> list[str]:
    """Take away what back ends keep of a schedule whose folder is gone, as scratch file systems lose some; returns
    which had something. Raises BackEndError.
    """
    lost = Schedule(
        name=name, cluster="", when="0 0 * * *", via="", suite=None, sweep=None, until=None, overrides=[],
        config_dir=None, directory="", results=str(results), store="", settings=asdict(ScheduleConfig()),
        notify=asdict(NotifyConfig()), environment={}, created=0.0,
    )  # fmt: skip
    there = [back_end() for back_end in BACK_ENDS.values() if back_end().missing(lost) is None]
    return [back_end.name for back_end in there if back_end.remove(lost)]


def forget(schedule: Schedule) -> None:
    """Delete what makes the folder a schedule; its logs, history and memory stay."""
    (schedule.folder / "schedule.json").unlink(missing_ok=True)
    schedule.start.unlink(missing_ok=True)
