"""The test cluster as a whole: making it, looking at it, removing it."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

from . import configuration, daemons, faults, nodes, packages, scheduler
from .layout import CONFIGURATION, STATE, Node, Shape, TestclusterError, planned_shape, recorded_shape
from .processes import kill, pid_of, recorded_names, run

UP, PARTLY, DOWN = "up", "partly", "down"


def say(stage: str, what: str) -> None:
    """Report a stage in one line."""
    print(f"{stage:<12} {what}", flush=True)


@contextmanager
def alone() -> Iterator[None]:
    """Let no second testcluster command change the cluster meanwhile."""
    if os.geteuid():
        raise TestclusterError("only root can make, change or remove a test cluster")
    # The lock is on the folder above the state's, there before and after: a lock file would stay behind.
    folder = os.open(STATE.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def up(node_count: int | None, cpus: int | None, threaded: int | None) -> None:
    """Make the cluster, or what of it is missing, and wait until jobs can run on every node."""
    began = time.monotonic()
    shape = _agreed_shape(node_count, cpus, threaded)
    if status()["state"] == UP:
        say("cluster", f"is already up, {len(shape.members())} nodes")
    else:
        _build(shape)
        say("cluster", f"{len(shape.members())} nodes in service after {time.monotonic() - began:.1f} s")
    if configuration.is_default():
        say("clients", f"sbatch, srun and all others find it ({CONFIGURATION})")
    else:
        say("clients", f"there is another slurm.conf: export SLURM_CONF={CONFIGURATION}")


def down() -> None:
    """Remove the cluster: its processes, namespaces, network, mounts and state."""
    shape = recorded_shape()
    if shape is None and not STATE.exists():
        say("cluster", "is not there")
        return
    configuration.withdraw_as_default()
    # slurmctld first, so that nothing starts another job. All state is thrown away, so all may be killed.
    for name in ("slurmctld", *recorded_names()):
        if not name.startswith("node-"):
            kill(name)
    say("daemons", "ended")
    for node in _nodes_found(shape):
        nodes.remove_node(node)
    for name in recorded_names():
        kill(name)
    nodes.remove_bridge()
    say("nodes", "removed, with all processes in them")
    shutil.rmtree(STATE, ignore_errors=True)
    if STATE.exists():
        raise TestclusterError(f"{STATE} could not be removed: look for mounts below it in /proc/mounts")
    say("cluster", "removed")


def status() -> dict[str, object]:
    """The whole cluster as one document: state, daemons, and each node with its faults."""
    shape = recorded_shape()
    if shape is None:
        return {"state": DOWN, "slurm_conf": None, "daemons": {}, "nodes": []}
    central = {name: pid_of(name) for name in daemons.central()}
    seen = scheduler.node_states() if central["slurmctld"] else {}
    members = [_node_status(node, seen.get(node.name, scheduler.UNKNOWN)) for node in shape.members()]
    alive = [*central.values(), *(member["slurmd"] for member in members)]
    if not any(alive):
        state = DOWN
    elif all(alive) and all(member["in_service"] and not member["faults"] for member in members):
        state = UP
    else:
        state = PARTLY
    return {"state": state, "slurm_conf": str(CONFIGURATION), "cpus_per_node": shape.cpus, "daemons": central,
            "nodes": members}  # fmt: skip


def _node_status(node: Node, seen: scheduler.NodeState) -> dict[str, object]:
    return {
        "name": node.name,
        "address": node.address,
        "state": seen.state,
        "reason": seen.reason,
        "in_service": seen.in_service,
        "slurmd": pid_of(daemons.node_daemon(node)),
        "faults": faults.in_force(node),
    }


def _agreed_shape(node_count: int | None, cpus: int | None, threaded: int | None) -> Shape:
    """The shape of the cluster there is, or of the one to be made."""
    there = recorded_shape()
    if there is None:
        return planned_shape(node_count or 4, cpus or 4, threaded or 0)
    wanted = (node_count or there.nodes, cpus or there.cpus, there.threaded if threaded is None else threaded)
    if wanted != (there.nodes, there.cpus, there.threaded):
        raise TestclusterError(
            f"a test cluster of {there.nodes} nodes with {there.cpus} processors each"
            f"{f', and {there.threaded} with two threads a core,' if there.threaded else ''} is there: "
            "run `testcluster down` first"
        )
    return there


def _build(shape: Shape) -> None:
    """Make everything that is not there yet; each stage leaves alone what it finds done."""
    wanted = packages.missing()
    if wanted:
        say("packages", f"installing {' '.join(wanted)}")
        packages.install(wanted)
    else:
        say("packages", "present")
    if run(["unshare", "--net", "--uts", "--mount", "--ipc", "true"]).returncode:
        raise TestclusterError("no namespaces can be made here: start a container with --privileged")

    configuration.make_folders(shape)
    shape.save()
    own_munge = daemons.MUNGE_SOCKET.exists() or not daemons.machine_has_munge()
    configuration.write(shape, daemons.MUNGE_SOCKET if own_munge else None)
    configuration.offer_as_default()
    nodes.make_bridge()
    nodes.write_host_names(shape)
    for node in shape.members():
        nodes.make_node(node)
    say("nodes", f"{len(shape.members())} network namespaces on a bridge")

    if own_munge:
        daemons.start_munged()
    say("munge", "with a key of its own" if own_munge else "the machine's own")
    daemons.start_database()
    daemons.start_slurmdbd()
    scheduler.make_accounts()
    say("accounting", f"MariaDB and slurmdbd, account {scheduler.ACCOUNT}")
    daemons.start_slurmctld()
    for node in shape.members():
        faults.undo(node)
    for node in shape.members():
        daemons.wait_for_slurmd(node)
    say("slurm", f"slurmctld and {len(shape.members())} slurmd")
    scheduler.wait_until_in_service(shape.members(), seconds=60)


def _nodes_found(shape: Shape | None) -> list[Node]:
    """The nodes of the shape and any others that left a folder behind."""
    folder = STATE / "nodes"
    names = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    known = shape.members() if shape else []
    return [*known, *(Node(name, "") for name in names - {node.name for node in known})]
