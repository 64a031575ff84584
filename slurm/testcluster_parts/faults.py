"""The faults that can be put upon a node or a central daemon, and their healing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import daemons, stutter
from .layout import Node, TestclusterError
from .nodes import entering
from .processes import check, kill, run, start, stop
from .scheduler import wait_until_in_service


@dataclass(frozen=True)
class Severity:
    """How bad a fault is, where it has degrees."""

    share: float = 0.2
    rate: str = "100mbit"


@dataclass(frozen=True)
class Fault:
    """A fault of a node: what it is, how it is done (which returns a description) and how it is undone."""

    means: str
    inject: Callable[[Node, Severity], str]
    heal: Callable[[Node], object]


def _cut_link(node: Node, _severity: Severity) -> str:
    check(["ip", "link", "set", node.link, "down"])
    return "its link is cut"


def _join_link(node: Node) -> None:
    check(["ip", "link", "set", node.link, "up"])


def _kill_daemon(node: Node, _severity: Severity) -> str:
    kill(daemons.node_daemon(node))
    return "its slurmd is killed"


def _slow_down(node: Node, severity: Severity) -> str:
    stop(_stutterer(node))
    start(_stutterer(node), [sys.executable, stutter.__file__, node.network, str(severity.share)])
    return f"its job processes run {severity.share:.0%} of the time"


def _let_run(node: Node) -> None:
    stop(_stutterer(node))


def _slow_link(node: Node, severity: Severity) -> str:
    shape = ["root", "tbf", "rate", severity.rate, "burst", "256kb", "latency", "400ms"]
    check(["tc", "qdisc", "replace", "dev", node.link, *shape])
    check([*entering(node), "tc", "qdisc", "replace", "dev", "eth0", *shape])
    return f"its link carries {severity.rate}/s each way"


def _quicken_link(node: Node) -> None:
    run(["tc", "qdisc", "delete", "dev", node.link, "root"])
    run([*entering(node), "tc", "qdisc", "delete", "dev", "eth0", "root"])


FAULTS = {
    "link": Fault("the node's network link is cut", _cut_link, _join_link),
    "daemon": Fault("the node's slurmd is killed, its jobs go on", _kill_daemon, daemons.start_slurmd),
    "slow": Fault("the node's job processes run a part of the time only", _slow_down, _let_run),
    "slow-link": Fault("the node's network link is slow", _slow_link, _quicken_link),
}

CENTRAL: dict[str, Callable[[], None]] = {
    "slurmctld": daemons.start_slurmctld,
    "slurmdbd": daemons.start_slurmdbd,
    "mariadbd": daemons.start_database,
}
# Slurm saves its state every few seconds and when it is asked to end: a killed slurmctld forgets the newest jobs.
CENTRAL_FAULTS: dict[str, Callable[[str], None]] = {"daemon": kill, "stop": stop}


def inject(node: Node, name: str, severity: Severity) -> str:
    """Put a fault upon a node; return what was done."""
    if name not in FAULTS:
        raise TestclusterError(f"{node.name} is a node: its faults are {', '.join(FAULTS)}")
    done = FAULTS[name].inject(node, severity)
    record = _records(node) / name
    record.parent.mkdir(exist_ok=True)
    record.write_text(done)
    return done


def in_force(node: Node) -> dict[str, str]:
    """The faults upon a node by name, each with a description."""
    folder = _records(node)
    return (
        {record.name: record.read_text(encoding="utf-8") for record in sorted(folder.iterdir())}
        if folder.is_dir()
        else {}
    )


def undo(node: Node) -> None:
    """Undo all faults upon a node, without waiting for Slurm to notice."""
    for name in in_force(node):
        FAULTS[name].heal(node)
        (_records(node) / name).unlink()
    daemons.start_slurmd(node)


def heal(node: Node, seconds: float = 60) -> None:
    """Undo all faults upon a node and wait until jobs can run on it."""
    undo(node)
    daemons.wait_for_slurmd(node)
    wait_until_in_service([node], seconds)


def inject_central(name: str, fault: str) -> str:
    """End a central daemon, in the way that the fault says; return what was done."""
    if fault not in CENTRAL_FAULTS:
        raise TestclusterError(f"{name} is no node: its faults are {', '.join(CENTRAL_FAULTS)}")
    CENTRAL_FAULTS[fault](name)
    return "killed" if fault == "daemon" else "stopped"


def heal_central(name: str) -> None:
    """Start a central daemon that is not running."""
    CENTRAL[name]()


def _stutterer(node: Node) -> str:
    return f"stutter-{node.name}"


def _records(node: Node) -> Path:
    return node.folder / "faults"
