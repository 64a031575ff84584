"""A timer of the user's own systemd, and the service that it starts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from orchestrator.schedule.backends.base import BackEnd, BackEndError, Unit, ask, minutes, told, words
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.templates import render


class SystemdTimer(BackEnd):
    """``Persistent=`` makes up for what passed while the machine was down."""

    name = "systemd"

    def missing(self, schedule: Schedule) -> str | None:
        """The user's own systemd must answer."""
        if shutil.which("systemctl") is None:
            return "there is no systemctl here: this machine does not run systemd"
        answer = ask(["systemctl", "--user", "show-environment"])
        if answer.returncode:
            return (
                f"no user manager of systemd answers (systemctl --user: {words(answer)}): log in by ssh, not su, "
                "or have `loginctl enable-linger` run for you"
            )
        return None

    def units(self, schedule: Schedule) -> list[Unit]:
        """Service and timer."""
        known = {"identity": schedule.identity, "title": schedule.title}
        service = render("sweep.service", **known, start=str(schedule.start), minutes=minutes(schedule))
        timer = render(
            "sweep.timer", **known, when=schedule.when, calendar=schedule.timing.calendar(),
            catch_up=schedule.settings["catch_up"],
        )  # fmt: skip
        stem = f"orchestrator-{schedule.identity}"
        return [Unit(str(folder() / f"{stem}.service"), service), Unit(str(folder() / f"{stem}.timer"), timer)]

    def install(self, schedule: Schedule) -> bool:
        """Write what differs, then have systemd read it."""
        changed = not self.present(schedule)
        if changed:
            for unit in self.units(schedule):
                path = Path(unit.place)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(unit.text, encoding="utf-8")
            told(["systemctl", "--user", "daemon-reload"])
        told(["systemctl", "--user", "enable", "--now", f"orchestrator-{schedule.identity}.timer"])
        return changed

    def remove(self, schedule: Schedule) -> bool:
        """Stop the timer, then take both files away."""
        paths = [Path(unit.place) for unit in self.units(schedule)]
        if not any(path.exists() for path in paths):
            return False
        told(["systemctl", "--user", "disable", "--now", paths[1].name])
        for path in paths:
            path.unlink(missing_ok=True)
        told(["systemctl", "--user", "daemon-reload"])
        return True

    def present(self, schedule: Schedule) -> bool:
        """Whether both files are there as they would be written."""
        return all(content(Path(unit.place)) == unit.text for unit in self.units(schedule))

    def notes(self, schedule: Schedule) -> list[str]:
        """Without lingering the user's systemd ends with the last session."""
        try:
            answer = ask(["loginctl", "show-user", str(os.geteuid()), "--property=Linger"])
        except BackEndError:
            return []
        if b"Linger=no" in answer.stdout:
            return ["the timer runs only while you are logged in: `loginctl enable-linger` lets it run always"]
        return []


def folder() -> Path:
    """Where a user's units are (systemd.unit(5))."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


def content(path: Path) -> str | None:
    """A file's text, None if there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
