"""Installs and removes schedules: the folder, and the entries of the back end."""

from __future__ import annotations

from pathlib import Path

from orchestrator.records import write_text
from orchestrator.schedule.backends import BACK_ENDS, BackEndError, choose_back_end
from orchestrator.schedule.definition import Schedule, default_settings, read_schedule
from orchestrator.schedule.templates import render_template


def start_script(schedule: Schedule) -> str:
    """Return the script that every back end starts."""
    return render_template(
        "start", identity=schedule.identity, directory=schedule.directory, environment=schedule.environment,
        python=schedule.python, folder=str(schedule.folder),
    )  # fmt: skip


def read_installed(schedule: Schedule) -> Schedule | None:
    """Return the installed schedule of this name, or None."""
    return read_schedule(schedule.folder) if (schedule.folder / "schedule.json").exists() else None


def install_schedule(schedule: Schedule, scheduler: str) -> tuple[Schedule, bool]:
    """Install the schedule in place of any other of its name; return it as stored, and whether anything changed.

    Raises UsageError if no back end works here, BackEndError if one fails. The earlier schedule then stays.
    """
    before = read_installed(schedule)
    if schedule.via == "auto" and before is not None and BACK_ENDS[before.via]().missing(before) is None:
        # Installed again, it stays where it is.
        schedule.via = before.via
    back_end = choose_back_end(schedule.via, schedule, scheduler)
    schedule.via = back_end.name
    if schedule.is_same_as(before) and before is not None:
        schedule = before
    schedule.write()
    write_text(schedule.start, start_script(schedule))
    schedule.start.chmod(0o700)
    try:
        changed = back_end.install(schedule)
    except BackEndError:
        if before is None:
            delete_definition(schedule)
        else:
            before.write()
        raise
    if before is not None and before.via != schedule.via:
        BACK_ENDS[before.via]().remove(before)
    return schedule, changed or schedule is not before


def remove_schedule(schedule: Schedule) -> bool:
    """Remove the schedule; return whether its back end had it. A running sweep continues, but submits no successor."""
    delete_definition(schedule)
    try:
        return BACK_ENDS[schedule.via]().remove(schedule)
    except BackEndError:
        schedule.write()
        write_text(schedule.start, start_script(schedule))
        schedule.start.chmod(0o700)
        raise


def remove_lost_schedule(results: Path, name: str) -> list[str]:
    """Remove the entries of back ends whose schedule's folder is gone, as scratch file systems delete folders.

    Returns the back ends that had entries. Raises BackEndError.
    """
    lost = Schedule(
        name=name, cluster="", when="0 0 * * *", via="", suite=None, sweep=None, until=None, overrides=[],
        config_dir=None, directory="", results=str(results), store="", environment={}, created=0.0,
        **default_settings(),
    )  # fmt: skip
    there = [back_end() for back_end in BACK_ENDS.values() if back_end().missing(lost) is None]
    return [back_end.name for back_end in there if back_end.remove(lost)]


def delete_definition(schedule: Schedule) -> None:
    """Delete the definition and the start script. Logs, history and memory stay."""
    (schedule.folder / "schedule.json").unlink(missing_ok=True)
    schedule.start.unlink(missing_ok=True)
