"""The configuration files of the daemons, filled in from templates."""

from __future__ import annotations

import os
from pathlib import Path
from string import Template

from .layout import (
    ACCOUNTING_PORT,
    CLUSTER,
    CONFIGURATION,
    CONTROLLER_ADDRESS,
    CONTROLLER_PORT,
    DEFAULT_CONFIGURATION,
    NODE_PORT,
    STATE,
    Shape,
    controller_name,
)

TEMPLATES = Path(__file__).parent / "templates"
# slurmdbd holds the right to the database, so it refuses a configuration that others may read.
MODES = {"slurm.conf": 0o644, "slurmdbd.conf": 0o600, "cgroup.conf": 0o644, "database.cnf": 0o644}


def make_folders(shape: Shape) -> None:
    """Make the folders that the configuration names."""
    for folder in ("etc", "log", "pid", "tmp", "spool/slurmctld", "munge"):
        (STATE / folder).mkdir(parents=True, exist_ok=True)
    (STATE / "tmp").chmod(0o1777)
    for node in shape.members():
        (STATE / "spool" / node.name).mkdir(exist_ok=True)
        (STATE / "tmp" / node.name).mkdir(exist_ok=True)
        (STATE / "tmp" / node.name).chmod(0o1777)


def write(shape: Shape, munge_socket: Path | None) -> None:
    """Write all configuration files; ``munge_socket`` is None where the machine's own munge is used."""
    claims = f"CPUs={shape.cpus} RealMemory={shape.memory_mib} State=UNKNOWN"
    nodes = [f"NodeName={node.name} NodeAddr={node.address} {claims}" for node in shape.plain()]
    # A job that gets all hardware threads gets memory for each.
    claims = f"Sockets=1 CoresPerSocket={shape.cpus} ThreadsPerCore=2 RealMemory={2 * shape.memory_mib} State=UNKNOWN"
    nodes += [f"NodeName={node.name} NodeAddr={node.address} {claims}" for node in shape.with_threads()]
    with_threads = ",".join(node.name for node in shape.with_threads())
    facts = {
        "cluster": CLUSTER,
        "state": STATE,
        "controller_name": controller_name(),
        "controller_address": CONTROLLER_ADDRESS,
        "controller_port": CONTROLLER_PORT,
        "node_port": NODE_PORT,
        "accounting_port": ACCOUNTING_PORT,
        "memory_per_cpu": shape.memory_mib // shape.cpus,
        "munge_socket": f"socket={munge_socket}," if munge_socket else "",
        # Despite its name, the option takes the munge socket for what is said to slurmdbd.
        "accounting_munge_socket": f"AccountingStoragePass={munge_socket}" if munge_socket else "",
        "nodes": "\n".join(nodes),
        "plain_nodes": ",".join(node.name for node in shape.plain()),
        "threads_partition": f"PartitionName=threads Nodes={with_threads} PriorityTier=1" if with_threads else "",
    }
    for name, mode in MODES.items():
        file = CONFIGURATION.parent / name
        file.write_text(Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(facts))
        file.chmod(mode)


def offer_as_default() -> None:
    """Let Slurm's commands find our configuration unasked, unless another is in its place."""
    if not os.path.lexists(DEFAULT_CONFIGURATION):
        DEFAULT_CONFIGURATION.parent.mkdir(exist_ok=True)
        DEFAULT_CONFIGURATION.symlink_to(CONFIGURATION)


def is_default() -> bool:
    """Whether Slurm's commands find our configuration unasked."""
    return DEFAULT_CONFIGURATION.is_symlink() and DEFAULT_CONFIGURATION.readlink() == CONFIGURATION


def withdraw_as_default() -> None:
    """Take our configuration from the place where Slurm's commands look; leave any other there."""
    if is_default():
        DEFAULT_CONFIGURATION.unlink()
