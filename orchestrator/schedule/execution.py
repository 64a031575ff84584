"""One sweep as a process of its own. Whatever happens to it, its runs are collected and compared, and people
are told.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TextIO, TypedDict, cast

from orchestrator.acceptance.entries import CheckEntry, PhaseEntry
from orchestrator.errors import EXIT_FAILED
from orchestrator.launch.environment import without_foreign
from orchestrator.schedule.definition import Schedule

GRACE_SECONDS = 90.0
"""Time that an interrupted sweep has to cancel its jobs and to collect their measurements."""
LOOK_SECONDS = 0.2


class SweepDocument(TypedDict, total=False):
    """What is used of the document that a sweep prints: a suite's verdict has phases and checks, a report has none."""

    phases: list[PhaseEntry]
    checks: list[CheckEntry]


@dataclass(frozen=True)
class Execution:
    """The end of a sweep. ``document``: the JSON that it printed, if any. ``stopped``: why it was ended early."""

    code: int
    document: SweepDocument | None
    seconds: float
    stopped: str | None = None
    last_words: str = ""


class Interruption:
    """Set by SIGTERM or SIGINT, which ask to end the sweep."""

    def __init__(self) -> None:
        self.signal: str | None = None

    def set(self, number: int, frame: FrameType | None) -> None:
        """Handle the signal."""
        self.signal = signal.Signals(number).name


def pass_over(number: int, frame: FrameType | None) -> None:
    """Handle a signal by nothing. Unlike SIG_IGN, a process that is started meanwhile does not inherit this."""


@contextmanager
def note_interruption() -> Iterator[Interruption]:
    """Record SIGTERM and SIGINT within the context instead of dying of them; one of them that this process was started
    to ignore, as a shell's script starts what it leaves in the background, is received and not recorded.

    If it were still ignored, so would the sweep's own process ignore it, which is asked to end by SIGINT.
    """
    noted = Interruption()
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number, handler in before.items():
        signal.signal(number, pass_over if handler is signal.SIG_IGN else noted.set)
    try:
        yield noted
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def sweep_environment(schedule: Schedule) -> dict[str, str]:
    """Return this environment without the variables of a surrounding job, since the sweep submits jobs of its own."""
    return without_foreign(os.environ) | schedule.environment


def run_sweep_process(
    schedule: Schedule, words: Sequence[str], log: TextIO, noted: Interruption, tell: Callable[[str], None],
    limit_s: float,
) -> Execution:  # fmt: skip
    """Run ``python -m orchestrator`` with ``words`` until it ends, or for ``limit_s``: what is left of the schedule's
    time limit.
    """
    started = time.monotonic()
    output = schedule.folder / "log" / "sweep.json"
    with output.open("w+", encoding="utf-8") as answer:
        log.flush()
        beginning = os.fstat(log.fileno()).st_size
        child = subprocess.Popen(
            [schedule.python, "-m", "orchestrator", *words],
            stdin=subprocess.DEVNULL, stdout=answer, stderr=log, cwd=schedule.directory,
            encoding="utf-8", errors="replace",
            env=sweep_environment(schedule),
            # A terminal's Ctrl-C is for this process, which passes on what it means.
            start_new_session=True,
        )  # fmt: skip
        stopped = None
        while child.poll() is None:
            if noted.signal:
                stopped = f"ended by {noted.signal}"
            elif time.monotonic() - started > limit_s:
                stopped = f"ended at its time limit of {schedule.settings['time_limit_min']:g} min"
            if stopped:
                tell(f"the sweep is {stopped}: cancelling what is in flight")
                end_process(child)
                break
            time.sleep(LOOK_SECONDS)
        answer.seek(0)
        document = whole_document(answer.read())
    return Execution(
        EXIT_FAILED if child.returncode < 0 else child.returncode, document, time.monotonic() - started, stopped,
        last_line_of(Path(log.name), beginning),
    )  # fmt: skip


def end_process(child: subprocess.Popen[str]) -> None:
    """Send SIGINT, at which a sweep cancels its jobs and collects. Kill it after GRACE_SECONDS."""
    child.send_signal(signal.SIGINT)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def whole_document(text: str) -> SweepDocument | None:
    """Return the JSON object that a sweep printed, None if it printed none."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return cast(SweepDocument, found) if isinstance(found, dict) else None


def last_line_of(log: Path, beginning: int) -> str:
    """Return the last line that the sweep wrote: the reason, if it failed before there was a run."""
    with log.open("rb") as file:
        file.seek(beginning)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return lines[-1].removeprefix("error: ")[:500] if lines else ""
