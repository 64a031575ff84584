"""The daemons of a Slurm: munged, MariaDB, slurmdbd, slurmctld and one slurmd a node."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from pathlib import Path

from .layout import (
    ACCOUNTING_PORT,
    CONFIGURATION,
    CONTROLLER_ADDRESS,
    CONTROLLER_PORT,
    NODE_PORT,
    STATE,
    Node,
)
from .nodes import entering
from .processes import check, pid_of, run, start, wait_for_daemon

MUNGE_FOLDER = STATE / "munge"
MUNGE_SOCKET = MUNGE_FOLDER / "socket"
DATABASE = STATE / "database"
DATABASE_SOCKET = STATE / "database.socket"
DATABASE_SETTINGS = CONFIGURATION.parent / "database.cnf"


def environment() -> dict[str, str]:
    """The environment in which Slurm's daemons and commands find this cluster, and no other."""
    foreign = ("SLURM", "SBATCH", "SQUEUE", "SINFO")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "SLURM_CONF": str(CONFIGURATION), "MYSQL_UNIX_PORT": str(DATABASE_SOCKET)}


def central() -> list[str]:
    """The daemons that every node depends on, in the order in which they need each other."""
    return [*(["munged"] if MUNGE_SOCKET.exists() else []), "mariadbd", "slurmdbd", "slurmctld"]


def node_daemon(node: Node) -> str:
    """The name under which a node's slurmd is started."""
    return f"slurmd-{node.name}"


def machine_has_munge() -> bool:
    """Whether a munged that is not ours answers at the usual place."""
    try:
        sealed = run(["munge", "--no-input"])
        return sealed.returncode == 0
    except FileNotFoundError:
        return False


def start_munged() -> None:
    """Start a munged with a key and a socket of our own, unless it runs."""
    if pid_of("munged") is not None:
        return
    key = MUNGE_FOLDER / "key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
    files = {"key-file": key, "socket": MUNGE_SOCKET, "pid-file": MUNGE_FOLDER / "pid",
             "log-file": MUNGE_FOLDER / "log", "seed-file": MUNGE_FOLDER / "seed"}  # fmt: skip
    options = [f"--{option}={file}" for option, file in files.items()]
    start("munged", ["munged", "--foreground", "--force", *options])
    ask = ["munge", "--no-input", f"--socket={MUNGE_SOCKET}"]
    wait_for_daemon("munged", lambda: run(ask).returncode == 0)


def start_database() -> None:
    """Start a MariaDB with a data folder and a socket of our own, unless it runs."""
    if pid_of("mariadbd") is not None:
        return
    complete = DATABASE / "complete"
    if not complete.exists():  # never made, or interrupted while being made
        shutil.rmtree(DATABASE, ignore_errors=True)
        as_root = ["--auth-root-authentication-method=socket", "--auth-root-socket-user=root"]
        settings = f"--defaults-file={DATABASE_SETTINGS}"
        check(["mariadb-install-db", settings, "--skip-test-db", *as_root], timeout=180)
        complete.touch()
    DATABASE_SOCKET.unlink(missing_ok=True)
    start("mariadbd", ["mariadbd", f"--defaults-file={DATABASE_SETTINGS}"])
    wait_for_daemon("mariadbd", lambda: _listens(DATABASE_SOCKET), seconds=60)


def start_slurmdbd() -> None:
    """Start slurmdbd, unless it runs."""
    if pid_of("slurmdbd") is None:
        start("slurmdbd", ["slurmdbd", "-D"], env=environment())
        wait_for_daemon("slurmdbd", lambda: _listens((CONTROLLER_ADDRESS, ACCOUNTING_PORT)), seconds=60)


def start_slurmctld() -> None:
    """Start slurmctld, unless it runs."""
    if pid_of("slurmctld") is None:
        start("slurmctld", ["slurmctld", "-D", "-f", CONFIGURATION], env=environment())
        wait_for_daemon("slurmctld", lambda: _listens((CONTROLLER_ADDRESS, CONTROLLER_PORT)), seconds=60)


def start_slurmd(node: Node) -> None:
    """Start a node's slurmd, unless it runs."""
    name = node_daemon(node)
    if pid_of(name) is None:
        command = ["slurmd", "-D", "-N", node.name, "-f", str(CONFIGURATION)]
        start(name, [*entering(node), *command], env=environment())


def wait_for_slurmd(node: Node) -> None:
    """Wait until a node's slurmd listens."""
    wait_for_daemon(node_daemon(node), lambda: _listens((node.address, NODE_PORT)), seconds=60)


def _listens(where: Path | tuple[str, int]) -> bool:
    family = socket.AF_UNIX if isinstance(where, Path) else socket.AF_INET
    with socket.socket(family) as client:
        client.settimeout(1)
        try:
            client.connect(str(where) if isinstance(where, Path) else where)
        except OSError:
            return False
    return True
