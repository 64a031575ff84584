"""crontab and Slurm's scrontab: one text a user, in which a schedule has lines of its own between two marks."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from abc import abstractmethod

from orchestrator.schedule.backends.base import BackEnd, BackEndError, Unit, ask, minutes, told, words
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.templates import render


def own_block(identity: str) -> re.Pattern[bytes]:
    """A schedule's lines, from one mark to the other."""
    mark = re.escape(f"orchestrator schedule {identity}".encode())
    return re.compile(
        rb"^# BEGIN " + mark + rb"(?=[:\s]).*?^# END " + mark + rb"[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL
    )


def merged(text: bytes, identity: str, block: bytes) -> bytes:
    """A crontab with the schedule's lines in place of those it had, or at the end; all else as it was, to the byte.

    Raises BackEndError where one of the two marks is gone: what lies between them can no longer be told.
    """
    rest = own_block(identity).sub(b"", text)
    if f"# BEGIN orchestrator schedule {identity}:".encode() in rest:
        raise BackEndError(
            f"the line '# END orchestrator schedule {identity}' is gone from the crontab; delete what is left of the "
            "schedule's lines (crontab -e) and install it again"
        )
    found = own_block(identity).search(text)
    if found:
        return text[: found.start()] + block + own_block(identity).sub(b"", text[found.end() :])
    return text + (b"\n" if text and not text.endswith(b"\n") and block else b"") + block


class Crontab(BackEnd):
    """What both have in common: ``-l`` prints the text, ``-`` replaces it, ``-r`` takes it away."""

    command: str

    @abstractmethod
    def block(self, schedule: Schedule) -> str:
        """The schedule's lines."""

    def text(self) -> bytes:
        """The user's crontab as it is. Raises BackEndError."""
        answer = ask([self.command, "-l"])
        if answer.returncode and not self.says_none(answer):
            raise BackEndError(f"{self.command} -l: {words(answer)}")
        return b"" if answer.returncode else answer.stdout

    @staticmethod
    def says_none(answer: subprocess.CompletedProcess[bytes]) -> bool:
        """Whether the user simply has none yet."""
        return b"no crontab" in answer.stderr.lower() or b"no crontab" in answer.stdout.lower()

    def units(self, schedule: Schedule) -> list[Unit]:
        """The lines, into the crontab."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        return [Unit(f"the {self.command} of {user} (`{self.command} -l`)", self.block(schedule))]

    def install(self, schedule: Schedule) -> bool:
        """Replace the text only if it changes."""
        return self.put(merged(old := self.text(), schedule.identity, self.block(schedule).encode()), old)

    def remove(self, schedule: Schedule) -> bool:
        """The text without the schedule's lines; none at all if there were no others."""
        return self.put(merged(old := self.text(), schedule.identity, b""), old)

    def put(self, text: bytes, old: bytes) -> bool:
        """Make the text the user's; returns whether it was another."""
        if text != old:
            told([self.command, "-"], text) if text else told([self.command, "-r"])
        return text != old

    def present(self, schedule: Schedule) -> bool:
        """Whether the lines are there as they would be installed."""
        found = own_block(schedule.identity).search(self.text())
        return found is not None and found[0].decode() == self.block(schedule)


class Cron(Crontab):
    """The machine's cron. Its ``@reboot`` line makes up for what passed while the machine was down."""

    name = "cron"
    command = "crontab"

    def missing(self, schedule: Schedule) -> str | None:
        """crontab must be there and must let this user in."""
        if shutil.which(self.command) is None:
            return (
                "there is no crontab here: install cron (Debian: `apt-get install cron`, Red Hat: `dnf install cronie`)"
            )
        try:
            self.text()
        except BackEndError as error:
            return f"{error}: have the administrator put you into /etc/cron.allow"
        return None

    def block(self, schedule: Schedule) -> str:
        """One line for the time, one for the machine's start."""
        return render(
            "crontab", identity=schedule.identity, title=schedule.title, when=schedule.timing.plain,
            start=str(schedule.start), catch_up=schedule.settings["catch_up"],
        )  # fmt: skip

    def notes(self, schedule: Schedule) -> list[str]:
        """A crontab may move its own times; a daemon may not run."""
        notes = []
        if re.search(rb"^\s*CRON_TZ\s*=", self.text(), re.MULTILINE):
            notes.append("this crontab sets CRON_TZ, which also holds for the sweep: its times are not local ones")
        if not cron_runs():
            notes.append("no cron daemon runs on this machine now: start one, or nothing will start the sweep")
        return notes


class Scrontab(Crontab):
    """Slurm's own crontab: the sweep is a job, wherever Slurm starts it, and survives the login node."""

    name = "scrontab"
    command = "scrontab"

    def missing(self, schedule: Schedule) -> str | None:
        """scrontab must be there and switched on."""
        if shutil.which(self.command) is None:
            return "there is no scrontab here: Slurm has it from 20.11 on, where it was built and installed with it"
        try:
            self.text()
        except BackEndError as error:
            return f"{error}: have the administrator set ScronParameters=enable in slurm.conf"
        return None

    def block(self, schedule: Schedule) -> str:
        """The job's options, then the line for the time."""
        return render(
            "scrontab", identity=schedule.identity, title=schedule.title, when=schedule.timing.plain,
            start=str(schedule.start), options=job_options(schedule),
        )  # fmt: skip


def job_options(schedule: Schedule) -> list[str]:
    """sbatch's options of the small job that waits for a sweep."""
    slurm = schedule.settings["slurm"]
    log = str(schedule.folder / "log" / "job-%j.log").replace("%", "%%").replace("%%j", "%j")
    options = {"nodes": 1, "ntasks": 1, "cpus-per-task": 1, "time": minutes(schedule), "output": log}
    options |= {name: slurm[name] for name in ("partition", "account", "qos") if slurm[name]}
    if slurm["memory_gb"]:
        options["mem"] = f"{int(1024 * slurm['memory_gb'])}M"
    return [f"--{name}={quoted(value)}" for name, value in {**options, **slurm["additional"]}.items()]


def quoted(value: object) -> str:
    """As Slurm reads the value of an option in a comment."""
    text = str(value)
    return f'"{text}"' if re.search(r"[\s'#]", text) else text


def cron_runs() -> bool:
    """Whether a cron daemon does, as far as this user can see."""
    import psutil

    return any(process.info["name"] in ("cron", "crond") for process in psutil.process_iter(["name"]))
