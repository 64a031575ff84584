"""Progress while runs go on: a table that renews itself on a terminal, a line now and then elsewhere. On stderr."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from orchestrator.campaign.state import RunStatus

LINE_SECONDS = 5.0
ROWS = 30


class LiveView:
    """Shows statuses as they come; use as a context manager."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self.said: dict[str, tuple[str, float]] = {}

    def __enter__(self) -> LiveView:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live:
            self.live.stop()

    def show(self, statuses: Sequence[RunStatus]) -> None:
        """Show them."""
        if self.live:
            self.live.update(progress_table(statuses))
            return
        for status in statuses:
            self.say(status)

    def say(self, status: RunStatus) -> None:
        """One line, when the state or phase has changed or the last line is some seconds old."""
        phase = f"{status.state} {status.heartbeat['phase'] if status.heartbeat else ''}"
        before, when = self.said.get(status.run, ("", 0.0))
        if phase == before and (status.final or status.state == "planned"):
            return
        if phase == before and time.monotonic() < when + LINE_SECONDS:
            return
        self.said[status.run] = (phase, time.monotonic())
        if status.state != "planned":
            self.console.print(f"{escape(status.run)}: {escape(describe(status))}", highlight=False, soft_wrap=True)


def describe(status: RunStatus) -> str:
    """A status in one line."""
    words = [status.state]
    if status.reason:
        words.append(f"({status.reason})")
    if status.cause:
        words.append(f"– {status.cause}")
    if status.state == "running":
        words.append(beat(status))
    return " ".join(words)


def beat(status: RunStatus) -> str:
    """What the heartbeat says: ranks alive, phase, epochs, speed, quality against target."""
    heartbeat = status.heartbeat
    words = [f"{status.ranks_alive}/{status.ranks} ranks alive"]
    if heartbeat is None:
        return ", ".join(words)
    words.append(heartbeat["phase"])
    if heartbeat["step"]:
        words.append(f"epoch {heartbeat['epoch']}/{heartbeat['epochs']}")
        words.append(f"{heartbeat['samples_per_s']:.1f} samples/s")
    if heartbeat["quality"] is not None:
        target = "" if heartbeat["target"] is None else f" (target {heartbeat['target']:.3f})"
        words.append(f"{heartbeat['metric']} {heartbeat['quality']:.3f}{target}")
    return ", ".join(words)


def progress_table(statuses: Sequence[RunStatus]) -> Table:
    """One row a run; of many runs those that move, then those that wait."""
    ended = sum(status.final for status in statuses)
    table = Table(title=f"{ended} of {len(statuses)} runs ended", title_justify="left")
    for heading in ("run", "state", "progress"):
        table.add_column(heading)
    interesting = sorted(statuses, key=lambda status: (status.final, status.state == "planned"))
    for status in interesting[:ROWS]:
        text = beat(status) if status.state == "running" else (status.cause or status.reason)
        table.add_row(escape(status.run), status.state, escape(text))
    return table
