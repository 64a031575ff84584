"""Progress of running campaigns, on stderr: a live table on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from orchestrator.campaign.state import RunStatus
from orchestrator.records import SAMPLES, Heartbeat, throughput_unit

LINE_SECONDS = 5.0
ROWS = 30


class LiveView:
    """Shows statuses as they arrive; a context manager."""

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
        """Show the statuses."""
        if self.live:
            self.live.update(progress_table(statuses))
            return
        for status in statuses:
            self.print_line(status)

    def print_line(self, status: RunStatus) -> None:
        """Print a line if the state or phase has changed, or if the last line is LINE_SECONDS old."""
        phase = f"{status.state} {status.heartbeat['phase'] if status.heartbeat else ''}"
        before, when = self.said.get(status.run, ("", 0.0))
        if phase == before and (status.final or status.state == "planned"):
            return
        if phase == before and time.monotonic() < when + LINE_SECONDS:
            return
        self.said[status.run] = (phase, time.monotonic())
        if status.state != "planned":
            self.console.print(f"{escape(status.run)}: {escape(status_line(status))}", highlight=False, soft_wrap=True)


def status_line(status: RunStatus) -> str:
    """Return a status in one line."""
    words = [status.state]
    if status.reason:
        words.append(f"({status.reason})")
    if status.cause:
        words.append(f"– {status.cause}")
    if status.state == "running":
        words.append(heartbeat_text(status))
    return " ".join(words)


def heartbeat_text(status: RunStatus) -> str:
    """Return the heartbeat's content: ranks alive, phase, epochs, speed, and quality against target."""
    heartbeat = status.heartbeat
    words = ["stands still" if status.suspended else f"{status.ranks_alive}/{status.ranks} ranks alive"]
    if heartbeat is None:
        return ", ".join(words)
    words.append(heartbeat["phase"])
    if heartbeat["step"]:
        words.append(f"epoch {heartbeat['epoch']}/{heartbeat['epochs']}")
        words.append(f"{heartbeat['samples_per_s']:.1f} {throughput_unit(heartbeat.get('unit', SAMPLES))}")
    left = seconds_left(heartbeat)
    if left is not None:
        # A run stops once it has reached its target.
        words.append(f"{'at most ' if heartbeat['target'] is not None else ''}{duration_text(left)} left")
    if heartbeat["quality"] is not None:
        target = "" if heartbeat["target"] is None else f" (target {heartbeat['target']:.3f})"
        words.append(f"{heartbeat['metric']} {heartbeat['quality']:.3f}{target}")
    return ", ".join(words)


def seconds_left(heartbeat: Heartbeat) -> float | None:
    """Return how long the epochs that are planned still take, at the pace of all steps so far; None before it shows and
    once they are done.
    """
    done, planned = heartbeat["step"], heartbeat["epochs"] * heartbeat["steps_per_epoch"]
    if not 0 < done < planned or heartbeat["elapsed_s"] <= 0:
        return None
    return (planned - done) * heartbeat["elapsed_s"] / done


def duration_text(seconds: float) -> str:
    """ "45 s", "12 min" or "3 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def progress_table(statuses: Sequence[RunStatus]) -> Table:
    """Return a table with one row per run, at most ROWS: running runs first, then waiting ones, then ended ones."""
    ended = sum(status.final for status in statuses)
    table = Table(title=f"{ended} of {len(statuses)} runs ended", title_justify="left")
    for heading in ("run", "state", "progress"):
        # A name is cut into lines rather than off.
        table.add_column(heading, overflow="fold")
    interesting = sorted(statuses, key=lambda status: (status.final, status.state == "planned"))
    for status in interesting[:ROWS]:
        text = heartbeat_text(status) if status.state == "running" else (status.cause or status.reason)
        table.add_row(escape(status.run), status.state, escape(text))
    return table
