"""crontab and Slurm's scrontab. Each user has one text; a schedule's lines stand between two marks in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from orchestrator.config.paths import IN_HOME
from orchestrator.records import one_at_a_time, user_name
from orchestrator.records.files import make_private
from orchestrator.schedule.backends.base import (
    COMMAND_SECONDS,
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


def block_pattern(identity: str) -> re.Pattern[bytes]:
    """Return the pattern of a schedule's lines, both marks included."""
    mark = re.escape(f"orchestrator schedule {identity}".encode())
    return re.compile(
        rb"^# BEGIN " + mark + rb"(?=[:\s]).*?^# END " + mark + rb"[ \t]*(?:\n|\Z)", re.MULTILINE | re.DOTALL
    )


def replace_block(text: bytes, identity: str, block: bytes) -> bytes:
    """Return the crontab with ``block`` in place of the schedule's lines, or at the end; every other byte stays.

    Raises BackEndError if one of the two marks is missing, since the end of the lines is then unknown.
    """
    rest = block_pattern(identity).sub(b"", text)
    if f"# BEGIN orchestrator schedule {identity}:".encode() in rest:
        raise BackEndError(
            f"the line '# END orchestrator schedule {identity}' is gone from the crontab; delete what is left of the "
            "schedule's lines (crontab -e) and install it again"
        )
    found = block_pattern(identity).search(text)
    if found:
        return text[: found.start()] + block + block_pattern(identity).sub(b"", text[found.end() :])
    return text + (b"\n" if text and not text.endswith(b"\n") and block else b"") + block


LOOK_S = 3.0
"""What cron's daemon needs at most for its look at the crontabs, which it takes as each minute begins, s."""
WRITING_S = 2.0
"""How long before that look nothing is begun, since the crontab's command needs its time."""
LOCK_S = 3.0 * COMMAND_SECONDS
"""How long another installation is waited for, which runs two commands and waits for a look to pass."""


def seconds_to_wait(now: float) -> float:
    """Return how long after ``now``, in s since the epoch, cron is sure to notice another crontab.

    Debian's cron compares whole seconds: what is written in the second of its look stays unseen until the next change.
    """
    second = now % 60
    return max(0.0, LOOK_S - second) if second < 60 - WRITING_S else 60 + LOOK_S - second


@contextmanager
def one_change_at_a_time(command: str) -> Iterator[None]:
    """Keep this user's other installations from changing the crontab within the context: a crontab is read and written
    whole, so that of two at once one would be lost. Without a home where files can be locked nobody waits.

    Raises BackEndError if another one takes longer than LOCK_S.
    """
    begun = time.monotonic()

    def refuse_late(holder: str) -> None:
        if time.monotonic() - begun > LOCK_S:
            raise BackEndError(f"{command}: {holder} has been changing it for {LOCK_S:.0f} s; end that, and try again")

    with ExitStack() as held:
        with suppress(OSError, RuntimeError):
            folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", IN_HOME)
            make_private(folder)
            held.enter_context(one_at_a_time(folder / f"{command}.lock", refuse_late))
        yield


class Crontab(BackEnd):
    """The common part of both: ``-l`` prints the text, ``-`` replaces it, ``-r`` removes it."""

    command: str

    @abstractmethod
    def block(self, schedule: Schedule) -> str:
        """Return the schedule's lines."""

    def read_crontab(self) -> bytes:
        """Return the user's crontab, empty if there is none. Raises BackEndError."""
        answer = run_command([self.command, "-l"])
        if answer.returncode and not self.has_no_crontab(answer):
            raise BackEndError(f"{self.command} -l: {complaint_of(answer)}")
        return b"" if answer.returncode else answer.stdout

    @staticmethod
    def has_no_crontab(answer: subprocess.CompletedProcess[bytes]) -> bool:
        """Whether the command failed only because the user has no crontab yet."""
        return b"no crontab" in answer.stderr.lower() or b"no crontab" in answer.stdout.lower()

    def units(self, schedule: Schedule) -> list[Unit]:
        """Return the schedule's lines."""
        user = user_name()
        return [Unit(f"the {self.command} of {user} (`{self.command} -l`)", self.block(schedule))]

    def install(self, schedule: Schedule) -> bool:
        """Write the schedule's lines unless they are there already."""
        return self.change_lines(schedule.identity, self.block(schedule).encode())

    def remove(self, schedule: Schedule) -> bool:
        """Delete the schedule's lines, and the crontab itself if nothing else is in it."""
        return self.change_lines(schedule.identity, b"")

    def change_lines(self, identity: str, block: bytes) -> bool:
        """Put ``block`` in place of a schedule's lines; return whether that changed anything. Raises BackEndError."""
        with one_change_at_a_time(self.command):
            while True:
                old = self.read_crontab()
                text = replace_block(old, identity, block)
                if text == old:
                    return False
                wait = self.seconds_to_wait()
                if not wait:
                    break
                # What somebody saves meanwhile is read again.
                time.sleep(wait)
            read_output([self.command, "-"], text) if text else read_output([self.command, "-r"])
            return True

    def seconds_to_wait(self) -> float:
        """Return how long from now another crontab had better not be written, s."""
        return 0.0

    def present(self, schedule: Schedule) -> bool:
        """Whether the schedule's lines are installed as they should be."""
        found = block_pattern(schedule.identity).search(self.read_crontab())
        return found is not None and found[0].decode() == self.block(schedule)


class Cron(Crontab):
    """The machine's cron. An ``@reboot`` line catches up on sweeps missed while the machine was down."""

    name = "cron"
    command = "crontab"

    def missing(self, schedule: Schedule) -> str | None:
        """Return why crontab cannot be used here: it is not installed, or it refuses this user."""
        if shutil.which(self.command) is None:
            return (
                "there is no crontab here: install cron (Debian: `apt-get install cron`, Red Hat: `dnf install cronie`)"
            )
        try:
            self.read_crontab()
        except BackEndError as error:
            return f"{error}: have the administrator put you into /etc/cron.allow"
        return None

    def seconds_to_wait(self) -> float:
        """Return how long cron's daemon may still look at the crontabs."""
        return seconds_to_wait(time.time())

    def block(self, schedule: Schedule) -> str:
        """Return a line for the time, and a line for the start of the machine."""
        return render_template(
            "crontab", identity=schedule.identity, title=schedule.title, when=schedule.timing.plain,
            start=str(schedule.start), catch_up=schedule.settings["catch_up"],
        )  # fmt: skip

    def notes(self, schedule: Schedule) -> list[str]:
        """Warn if the crontab sets another time zone, or if no cron daemon runs."""
        notes = []
        if re.search(rb"^\s*CRON_TZ\s*=", self.read_crontab(), re.MULTILINE):
            notes.append("this crontab sets CRON_TZ, which also holds for the sweep: its times are not local ones")
        if not is_cron_running():
            notes.append("no cron daemon runs on this machine now: start one, or nothing will start the sweep")
        return notes


class Scrontab(Crontab):
    """Slurm's crontab. The sweep is a job on any node, so it survives the loss of a login node."""

    name = "scrontab"
    of_scheduler = "slurm"
    command = "scrontab"

    def missing(self, schedule: Schedule) -> str | None:
        """Return why scrontab cannot be used here: it is not installed, or not enabled."""
        if shutil.which(self.command) is None:
            return "there is no scrontab here: Slurm has it from 20.11 on, where it was built and installed with it"
        try:
            self.read_crontab()
        except BackEndError as error:
            return f"{error}: have the administrator set ScronParameters=enable in slurm.conf"
        return None

    def block(self, schedule: Schedule) -> str:
        """Return the job's options, then the line for the time."""
        return render_template(
            "scrontab", identity=schedule.identity, title=schedule.title, when=schedule.timing.plain,
            start=str(schedule.start), options=job_options(schedule),
        )  # fmt: skip


def job_options(schedule: Schedule) -> list[str]:
    """Return sbatch's options of the small job that runs a sweep."""
    slurm = schedule.settings["slurm"]
    log = str(schedule.folder / "log" / "job-%j.log").replace("%", "%%").replace("%%j", "%j")
    options = {"nodes": 1, "ntasks": 1, "cpus-per-task": 1, "time": lifetime_minutes(schedule), "output": log}
    options |= {name: slurm[name] for name in ("partition", "account", "qos") if slurm[name]}
    if slurm["memory_gb"]:
        options["mem"] = f"{int(1024 * slurm['memory_gb'])}M"
    return [f"--{name}={quote_option(value)}" for name, value in {**options, **slurm["additional"]}.items()]


def quote_option(value: object) -> str:
    """Return an option's value as Slurm reads it in a comment line."""
    text = str(value)
    return f'"{text}"' if re.search(r"[\s'#]", text) else text


def is_cron_running() -> bool:
    """Whether this user can see a cron daemon."""
    import psutil

    return any(process.info["name"] in ("cron", "crond") for process in psutil.process_iter(["name"]))
