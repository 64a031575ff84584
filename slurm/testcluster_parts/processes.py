"""Starting, finding and ending processes: only ever those that the test cluster started.

A process is known by its id and its start time together: an id alone may since belong to another process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from .layout import LOGS, STATE, Node, TestclusterError

RECORDS = STATE / "processes"


def run(
    command: Sequence[str | Path], *, timeout: float = 60, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it, whatever its exit code."""
    words = [str(part) for part in command]
    try:
        return subprocess.run(
            words, capture_output=True, encoding="utf-8", errors="replace", timeout=timeout, env=env, check=False
        )
    except subprocess.TimeoutExpired:
        raise TestclusterError(f"no answer within {timeout:.0f} s from: {_words(command)}") from None


def check(command: Sequence[str | Path], *, timeout: float = 60, env: Mapping[str, str] | None = None) -> str:
    """Run a command that must succeed; return what it printed."""
    done = run(command, timeout=timeout, env=env)
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or "no message"
        raise TestclusterError(f"{_words(command)}\n  exit {done.returncode}: {said}")
    return done.stdout


def start(name: str, command: Sequence[str | Path], *, env: Mapping[str, str] | None = None) -> int:
    """Start a daemon under a name, its output going to its log; return its process id."""
    # More ranks than cores, all waiting busily, must not make Slurm believe that its daemons are dead.
    favoured = ["nice", "--adjustment=-10", *(str(part) for part in command)]
    for folder in (RECORDS, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    with log_of(name).open("ab") as log:
        process = subprocess.Popen(
            favoured,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", env=env, start_new_session=True,
        )  # fmt: skip
    (RECORDS / name).write_text(json.dumps([process.pid, _started(process.pid)]))
    return process.pid


def pid_of(name: str) -> int | None:
    """The id of the daemon started under a name, None if it does not run."""
    try:
        pid, started = json.loads((RECORDS / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return pid if started is not None and _started(pid) == started else None


def kill(name: str) -> None:
    """Kill the daemon started under a name, at once, and wait until it is gone."""
    pid = pid_of(name)
    if pid is not None:
        _signal(pid, signal.SIGKILL)
        wait_until(lambda: pid_of(name) is None, 10, f"{name} (process {pid}) did not end")
    (RECORDS / name).unlink(missing_ok=True)


def stop(name: str, patience: float = 10) -> None:
    """Ask the daemon started under a name to end; kill it when it does not."""
    pid = pid_of(name)
    if pid is not None:
        _signal(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while pid_of(name) is not None and time.monotonic() < deadline:
            time.sleep(0.05)
    kill(name)


def recorded_names() -> list[str]:
    """The names of all daemons started and not yet ended by us (they may have died)."""
    return sorted(record.name for record in RECORDS.iterdir()) if RECORDS.is_dir() else []


def inside(node: Node) -> Iterator[int]:
    """The ids of all processes in a node's network namespace."""
    try:
        namespace = node.network.stat()
    except OSError:
        return
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                theirs = (entry / "ns" / "net").stat()
            except OSError:
                continue
            if (theirs.st_dev, theirs.st_ino) == (namespace.st_dev, namespace.st_ino):
                yield int(entry.name)


def kill_inside(node: Node) -> None:
    """Kill every process in a node's network namespace, also those that appear meanwhile."""

    def none_left() -> bool:
        left = [pid for pid in inside(node) if _started(pid) is not None]
        for pid in left:
            _signal(pid, signal.SIGKILL)
        return not left

    wait_until(none_left, 15, f"processes in {node.name} did not end")


def log_of(name: str) -> Path:
    """The file a daemon's output goes to."""
    return LOGS / f"{name}.log"


def last_lines(name: str, count: int = 12) -> str:
    """The end of a daemon's log, indented, for a message that explains a failure."""
    lines = log_of(name).read_text(errors="replace").splitlines() if log_of(name).exists() else []
    shown = "\n".join(f"    {line}" for line in lines[-count:])
    return f"  the end of {log_of(name)}:\n{shown or '    (empty)'}"


def wait_until(
    holds: Callable[[], bool], seconds: float, otherwise: str | Callable[[], str], every: float = 0.1
) -> None:
    """Wait until something holds; past the time, raise what ``otherwise`` says."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TestclusterError(otherwise if isinstance(otherwise, str) else otherwise())
        time.sleep(every)


def wait_for_daemon(name: str, ready: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until a daemon just started is ready; its log is in the message when it ends or takes too long."""

    def ready_or_dead() -> bool:
        if pid_of(name) is None:
            raise TestclusterError(f"{name} ended right after its start\n{last_lines(name)}")
        return ready()

    wait_until(ready_or_dead, seconds, lambda: f"{name} not ready after {seconds:.0f} s\n{last_lines(name)}")


def _started(pid: int) -> int | None:
    """When a process was started, in ticks since boot; None if there is none (or only its corpse)."""
    try:
        # The name in parentheses may hold spaces and parentheses of its own: count from the last one.
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _words(command: Sequence[str | Path]) -> str:
    return " ".join(str(part) for part in command)
