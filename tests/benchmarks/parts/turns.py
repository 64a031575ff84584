"""Programs that are to be compared run at the same time and take turns, so that all meet the same machine.

A ``Side`` is one of them: one or more processes, started once, that stand still but for their turns. A process of a
side paces itself by ``Turns``: it begins a step when the side's turn allows one, and reports how long it took.

Other work on the machine would spoil a turn, so a turn during which other programs took more than ``QUIET`` of the
processors is taken again; how many were is part of the result. On a machine that is never quiet, programs of one thread
that wait for nobody can be compared by the processor time they take instead (``cpu_clock``).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml

PROJECT = Path(__file__).resolve().parents[3]
POLL_S = 0.002
CLOCK = "TURNS_CLOCK"
"""Set to cpu, steps are timed by the processor time of their process, and turns are never spoilt."""
QUIET = 0.05
"""Share of the processors that other programs may take during a turn."""
PATIENCE_S = 600
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def write_whole(path: Path, text: str) -> None:
    """Write a file that whoever waits for it never sees in part."""
    path.with_suffix(".part").write_text(text)
    path.with_suffix(".part").rename(path)


def cpu_clock() -> bool:
    """Whether steps are timed in processor time."""
    return os.environ.get(CLOCK) == "cpu"


# --- in the processes of a side -----------------------------------------------------------------------------------


class Turns:
    """The turns of one process of a side: a loop of ``begin``, the step, ``end``."""

    def __init__(self, side: str, folder: Path, member: int) -> None:
        self.side, self.folder, self.member = side, folder, member
        self._turns = itertools.count()
        self._number = self._left = 0
        self._report: list[tuple[float, float, float]] = []
        self._clock = time.process_time if cpu_clock() else time.perf_counter
        self._begun = 0.0
        self._resident = forget_peak()
        (folder / f"{side}-{member}.pid").write_text(str(os.getpid()))

    def begin(self) -> bool:
        """Return when a step may be taken; False if there will be no more."""
        if not self._left:
            self._number, self._report = next(self._turns), []
            asked = self.folder / f"{self.side}-turn-{self._number}"
            while not asked.exists():
                time.sleep(POLL_S)
            self._left = int(asked.read_text())
        self._begun = self._clock()
        return self._left > 0

    def end(self, waited: float = 0.0, data: float = 0.0) -> None:
        """The step is done; so many seconds of it were spent waiting for others, and so many for data."""
        self._report.append((self._clock() - self._begun, waited, data))
        self._left -= 1
        if not self._left:
            grown = peak_bytes() - self._resident
            write_whole(self.folder / f"{self.side}-{self.member}-memory", str(grown))
            report = self.folder / f"{self.side}-turn-{self._number}-{self.member}.json"
            write_whole(report, json.dumps(self._report))


def forget_peak() -> int:
    """Count the most memory that this process has had from here on (proc(5), clear_refs); bytes it has now."""
    Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


def peak_bytes() -> int:
    """The most memory that this process has had, bytes."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


# --- in the process that compares ---------------------------------------------------------------------------------


def profile_environment() -> dict[str, str]:
    """What the cluster profile of this machine sets for its ranks."""
    profile = yaml.safe_load((PROJECT / "cluster_profiles" / "local.yaml").read_text())
    return {name: str(value) for name, value in profile["environment"].items()}


def mpirun(members: int, options: Sequence[str], program: Sequence[str]) -> list[str]:
    """The command line that starts a program on so many ranks of this machine."""
    launcher = Path(sys.executable).with_name("mpirun")
    command = str(launcher) if launcher.exists() else "mpirun"
    return [command, "-n", str(members), *options, sys.executable, *program]


def busy_s() -> float:
    """Processor time that all programs have used since boot, s (proc_stat(5): all but idle and iowait)."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / TICKS_PER_S


def process_s(pids: Sequence[int]) -> float:
    """Processor time that those processes, and children of theirs that have ended, have used, all threads, s."""
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(sum(int(word) for word in words[11:15]) for words in fields) / TICKS_PER_S


class Side:
    """The processes of one kind that are compared with others. Ended by ``end``, whatever happens."""

    def __init__(
        self,
        name: str,
        folder: Path,
        command: Sequence[str],
        members: int = 1,
        environment: Mapping[str, str] | None = None,
        warm_up: int = 1,
    ) -> None:
        """Start them and take ``warm_up`` steps that are not measured."""
        self.name, self.folder, self.members = name, folder, members
        self.turn = 0
        self.pids: list[int] = []
        self.steps: list[list[tuple[float, ...]]] = []
        self.launched = subprocess.Popen(command, env={**os.environ, **(environment or {})})
        try:
            self.take_turn(warm_up)
        except BaseException:
            self.launched.terminate()
            raise
        self.signal(signal.SIGSTOP)

    def signal(self, number: int) -> None:
        """To the processes and their workers, not to their launcher.

        Each process before its workers, so that a stopped one starts no more of them; loaders start theirs anew every
        epoch. One that has ended meanwhile needs no signal.
        """
        self.pids = []
        for member in range(self.members):
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(int((self.folder / f"{self.name}-{member}.pid").read_text()))
                process.send_signal(number)
                self.pids.append(process.pid)
                for worker in process.children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        worker.send_signal(number)
                        self.pids.append(worker.pid)

    def take_turn(self, steps: int) -> list[tuple[float, ...]]:
        """Have all take so many steps at the same time: each step of each as ``Turns.end`` has it, s."""
        write_whole(self.folder / f"{self.name}-turn-{self.turn}", str(steps))
        reports = [self.folder / f"{self.name}-turn-{self.turn}-{member}.json" for member in range(self.members)]
        while not all(report.exists() for report in reports):
            if self.launched.poll() is not None:
                raise RuntimeError(f"{self.name} ended with exit code {self.launched.returncode}")
            time.sleep(POLL_S)
        self.turn += 1
        return [step for report in reports for step in json.loads(report.read_text())]

    def measure(self, steps: int) -> float:
        """One turn; the share of the processors that other programs took meanwhile. A spoilt one is not kept."""
        began = time.perf_counter()
        others = busy_s() - process_s(self.pids)
        self.signal(signal.SIGCONT)
        report = self.take_turn(steps)
        self.signal(signal.SIGSTOP)
        others = busy_s() - process_s(self.pids) - others
        share = others / (time.perf_counter() - began) / (os.cpu_count() or 1)
        if cpu_clock():
            share = 0.0
        if share <= QUIET:
            self.steps.append(report)
        return share

    def median(self, number: int, column: int = 0) -> float:
        """Of one round: step time (column 0), or the part of it spent waiting (1) or for data (2), s."""
        return statistics.median(step[column] for step in self.steps[number])

    def memory(self) -> int:
        """The most memory, bytes, that a process has had so far beyond what it had when it was ready."""
        return max(int((self.folder / f"{self.name}-{member}-memory").read_text()) for member in range(self.members))

    def end(self) -> None:
        """Let the processes end in order; by force if that fails."""
        self.signal(signal.SIGCONT)
        write_whole(self.folder / f"{self.name}-turn-{self.turn}", "0")
        try:
            self.launched.wait(30)
        except subprocess.TimeoutExpired:
            self.launched.terminate()
            self.launched.wait()


def take_rounds(sides: Sequence[Side], rounds: int, steps: Mapping[str, int]) -> int:
    """Each side once a round, in an order that turns from round to round; how many turns had to be taken again.

    Raises TimeoutError on a machine that is never quiet.
    """
    disturbed, deadline = 0, time.monotonic() + PATIENCE_S
    for number in range(rounds):
        first = number % len(sides)
        for side in [*sides[first:], *sides[:first]]:
            while side.measure(steps[side.name]) > QUIET:
                disturbed += 1
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the machine is too busy: {disturbed} turns were disturbed")
        print({side.name: round(side.median(number), 4) for side in sides}, file=sys.stderr, flush=True)
    return disturbed


def summary(sides: Sequence[Side]) -> dict[str, Any]:
    """Medians over the rounds of all starts, by side: step time and the part of it spent waiting, s."""
    names = list(dict.fromkeys(side.name for side in sides))

    def medians(column: int) -> dict[str, float]:
        return {
            name: round(
                statistics.median(
                    side.median(number, column)
                    for side in sides
                    if side.name == name
                    for number in range(len(side.steps))
                ),
                4,
            )
            for name in names
        }

    return {"step_s": medians(0), "waited_s": medians(1)}


def ratios(base: Side, side: Side) -> list[float]:
    """Step time of the base over that of the side, round by round."""
    return [base.median(number) / side.median(number) for number in range(min(len(base.steps), len(side.steps)))]


def end_on_signal() -> None:
    """Ended by signal, let the sides end too."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
