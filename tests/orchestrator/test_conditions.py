"""Odd machines, one short run on two ranks under each: whatever a node lacks or is called, the run ends well.

Namespaces make the machine odd; where this machine forbids them the test is skipped and says so.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from commands import PROJECT

pytestmark = pytest.mark.ranks

NOBODY = 54321
"""A user's number that no password file has."""
ONLY_LOOPBACK = "ip link set lo up"
TWO_MORE = """
ip link set lo up
ip link add eth7 type dummy && ip address add 10.99.7.1/24 dev eth7 && ip link set eth7 up
ip link add ib7 type dummy && ip address add 192.168.77.1/24 dev ib7 && ip link set ib7 up
ip link add idle7 type dummy
"""
TINY_MEMORY = "mount -t tmpfs -o size=64k tmpfs /dev/shm"
NO_MEMORY = "mount -t tmpfs -o ro,size=4k tmpfs /dev/shm"


@dataclass(frozen=True)
class Condition:
    """What is odd: ``namespaces`` to unshare and shell lines to run within them, variables (None: unset), and words
    before the command.
    """

    name: str
    comm: str = "torch"
    namespaces: tuple[str, ...] = ()
    lines: str = ""
    variables: dict[str, str | None] = field(default_factory=dict)
    before: tuple[str, ...] = ()


CONDITIONS = [
    Condition("only the loopback and an odd host name", "torch", ("--net", "--uts"),
              f"{ONLY_LOOPBACK}\nhostname Node_01.odd--site.example"),
    Condition("the same under MPI, with a tiny /dev/shm", "mpi", ("--net", "--uts", "--mount"),
              f"{ONLY_LOOPBACK}\nhostname UPPER-lower-0.x\n{TINY_MEMORY}"),
    Condition("several interfaces, one of them down", "torch", ("--net",), TWO_MORE),
    Condition("no /dev/shm that one may write", "mpi", ("--mount",), NO_MEMORY),
    Condition("nobody in the password file, no home, an encoding that is not UTF-8", "torch",
              variables={"HOME": None, "USER": None, "LOGNAME": None, "LC_ALL": "POSIX", "PYTHONUTF8": "0",
                         "PYTHONCOERCECLOCALE": "0"},
              before=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")),
    Condition("few open files, one core, a TMPDIR that is not there", "mpi",
              variables={"TMPDIR": "/nowhere/at/all"},
              before=("prlimit", "--nofile=256", "taskset", "--cpu-list", "0")),
    Condition("a TMPDIR of 200 letters", "mpi", variables={"TMPDIR": "{folder}/" + "t" * 100 + "/" + "m" * 95}),
]  # fmt: skip


@pytest.mark.parametrize("odd", CONDITIONS, ids=lambda odd: odd.name)
def test_a_run_ends_well_where(odd: Condition, tmp_path: Path) -> None:
    tools = {*odd.before[:1], *(("unshare", "ip", "mount") if odd.namespaces else ())}
    if missing := sorted(tool for tool in tools if shutil.which(tool) is None):
        pytest.skip(f"this machine has no {', '.join(missing)}")
    folder = tmp_path / "run"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(PROJECT), "COLUMNS": "200"}
    for name, value in odd.variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value.replace("{folder}", str(folder))
    temporary = environment.get("TMPDIR", "")
    if temporary.startswith(str(folder)):
        Path(temporary).mkdir(parents=True)
    command = [*odd.before, sys.executable, "-m", "orchestrator", "benchmark=noop", "mode=noop", "nodes=2",
               f"comm={odd.comm}", "--json"]  # fmt: skip
    if "setpriv" in odd.before:
        make_accessible(folder)
    script = f"set -e\n{odd.lines}\ncd {shlex.quote(str(folder))}\nexec {shlex.join(command)}"
    words = ["sh", "-c", script]
    if odd.namespaces:
        words = ["unshare", "--map-root-user", *odd.namespaces, *words]
        if os.geteuid() == 0:
            words.remove("--map-root-user")
        allowed = subprocess.run([*words[: words.index("sh")], "sh", "-c", f"set -e\n{odd.lines}"], capture_output=True)
        if allowed.returncode:
            pytest.skip(f"this machine forbids it: {allowed.stderr.decode().strip()}")
    ended = subprocess.run(words, capture_output=True, env=environment, timeout=300)
    said = ended.stderr.decode(errors="replace")
    assert ended.returncode == 0, said
    (run,) = json.loads(ended.stdout)["runs"]
    assert (run["state"], run["ranks"]) == ("completed", 2), said
    assert "Traceback" not in said


def make_accessible(folder: Path) -> None:
    """Give the folder to the user that nobody knows; skip where that user may not reach it or the program."""
    if os.geteuid() != 0:
        pytest.skip("only root may become another user")
    for path in (folder, *folder.parents):
        if path.stat().st_mode & 0o005 != 0o005 and path.owner() == "root" and path.name.startswith("pytest-"):
            path.chmod(path.stat().st_mode | 0o055)
    os.chown(folder, NOBODY, NOBODY)
    become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    reach = f"cd {shlex.quote(str(folder))} && {shlex.quote(sys.executable)} -c 'import orchestrator'"
    if subprocess.run([*become, "sh", "-c", reach], capture_output=True).returncode:
        pytest.skip("that user may not reach this installation")
