"""A timer of the user's own systemd, and the service that the timer starts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator.schedule.backends.base import (
    BackEnd,
    BackEndError,
    Unit,
    complaint_of,
    lifetime_minutes,
    read_output,
    run_command,
)
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.templates import render_template


class SystemdTimer(BackEnd):
    """``Persistent=`` catches up on sweeps missed while the machine was down."""

    name = "systemd"

    def missing(self, schedule: Schedule) -> str | None:
        """Return why the user's own systemd cannot be used here."""
        if shutil.which("systemctl") is None:
            return "there is no systemctl here: this machine does not run systemd"
        answer = run_command(["systemctl", "--user", "show-environment"])
        if answer.returncode:
            return (
                f"no user manager of systemd answers (systemctl --user: {complaint_of(answer)}): "
                "log in by ssh, not su, or have `loginctl enable-linger` run for you"
            )
        return None

    def units(self, schedule: Schedule) -> list[Unit]:
        """Return the service and the timer."""
        known = {"identity": schedule.identity, "title": schedule.title}
        service = render_template(
            "sweep.service", **known, start=str(schedule.start), minutes=lifetime_minutes(schedule)
        )
        timer = render_template(
            "sweep.timer", **known, when=schedule.when, calendar=schedule.timing.calendar(),
            catch_up=schedule.settings["catch_up"],
        )  # fmt: skip
        stem = f"orchestrator-{schedule.identity}"
        return [
            Unit(str(unit_folder() / f"{stem}.service"), service),
            Unit(str(unit_folder() / f"{stem}.timer"), timer),
        ]

    def install(self, schedule: Schedule) -> bool:
        """Write the files that differ, have systemd read them, and enable the timer."""
        changed = not self.present(schedule)
        if changed:
            for unit in self.units(schedule):
                path = Path(unit.place)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(unit.text, encoding="utf-8")
            read_output(["systemctl", "--user", "daemon-reload"])
        read_output(["systemctl", "--user", "enable", "--now", f"orchestrator-{schedule.identity}.timer"])
        return changed

    def remove(self, schedule: Schedule) -> bool:
        """Disable the timer, then delete both files."""
        paths = [Path(unit.place) for unit in self.units(schedule)]
        if not any(path.exists() for path in paths):
            return False
        read_output(["systemctl", "--user", "disable", "--now", paths[1].name])
        for path in paths:
            path.unlink(missing_ok=True)
        read_output(["systemctl", "--user", "daemon-reload"])
        return True

    def present(self, schedule: Schedule) -> bool:
        """Whether both files are there as they should be."""
        return all(read_if_there(Path(unit.place)) == unit.text for unit in self.units(schedule))

    def notes(self, schedule: Schedule) -> list[str]:
        """Warn if lingering is off: the user's systemd then ends with the last session."""
        try:
            answer = run_command(["loginctl", "show-user", str(os.geteuid()), "--property=Linger"])
        except BackEndError:
            return []
        if b"Linger=no" in answer.stdout:
            return ["the timer runs only while you are logged in: `loginctl enable-linger` lets it run always"]
        return []


def unit_folder() -> Path:
    """Return the folder of a user's units (systemd.unit(5)). Raises BackEndError where nobody knows the user's home."""
    try:
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
    except RuntimeError as error:
        raise BackEndError(f"a user's timer needs a home folder: {error}; set HOME or XDG_CONFIG_HOME") from error


def read_if_there(path: Path) -> str | None:
    """Return a file's text, None if there is no file."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
