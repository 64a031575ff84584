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

ONLY_LOOPBACK = "ip link set lo up"
NAMED = "printf %s {name} > /proc/sys/kernel/hostname"
TWO_MORE = """
ip link set lo up
ip link add eth7 type bridge && ip address add 10.99.7.1/24 dev eth7 && ip link set eth7 up
ip link add ib7 type bridge && ip address add 192.168.77.1/24 dev ib7 && ip link set ib7 up
ip link add idle7 type bridge
"""
TINY_MEMORY = "mount -t tmpfs -o size=64k tmpfs /dev/shm"
NO_MEMORY = "mount -t tmpfs -o ro,size=4k tmpfs /dev/shm"
LONG = "{folder}/" + "t" * 100 + "/" + "m" * 95
NO_LOCALE: dict[str, str | None] = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
NO_NAME: dict[str, str | None] = dict.fromkeys(("HOME", "USER", "LOGNAME", "USERNAME", "XDG_CACHE_HOME"))


@dataclass(frozen=True)
class Condition:
    """What is odd: ``namespaces`` to unshare and shell lines to run within them, variables (None: unset; ``made``: the
    one that names a folder which is there), and words before the command.
    """

    name: str
    comm: str = "torch"
    namespaces: tuple[str, ...] = ()
    lines: str = ""
    variables: dict[str, str | None] = field(default_factory=dict)
    before: tuple[str, ...] = ()
    made: str | None = None


CONDITIONS = [
    Condition("there is but the loopback, and the host name is odd", "torch", ("--net", "--uts"),
              ONLY_LOOPBACK + "\n" + NAMED.format(name="Node_01.odd--site.example")),
    Condition("MPI has but the loopback", "mpi", ("--net", "--uts"),
              ONLY_LOOPBACK + "\n" + NAMED.format(name="UPPER-lower-0.x")),
    Condition("there are several interfaces, one of them down", "torch", ("--net",), TWO_MORE),
    Condition("the shared memory is tiny", "mpi", ("--mount",), TINY_MEMORY),
    Condition("there is no shared memory, and TMPDIR has 200 letters", "mpi", ("--mount",), NO_MEMORY,
              {"TMPDIR": LONG}, made="TMPDIR"),
    Condition("nobody is in the password file or has a home, and the locale is not UTF-8", "torch",
              ("--user", "--map-user=54321", "--map-group=54321"), variables={**NO_NAME, **NO_LOCALE}),
    Condition("there are few open files and one core, and TMPDIR is not there", "mpi",
              variables={"TMPDIR": "{folder}/nowhere/at/all"},
              before=("prlimit", "--nofile=256", "taskset", "--cpu-list", "0")),
]  # fmt: skip


ODDEST = [CONDITIONS[0], *CONDITIONS[-2:]]
"""What most differs from the others: a network, a user, a start."""


@pytest.mark.parametrize(
    "odd",
    [pytest.param(odd, marks=() if odd in ODDEST else pytest.mark.thorough, id=odd.name) for odd in CONDITIONS],
)
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
    if odd.made:
        Path(environment[odd.made]).mkdir(parents=True)
    command = [*odd.before, sys.executable, "-m", "orchestrator", "benchmark=noop", "mode=noop", "nodes=2",
               f"comm={odd.comm}", "--json"]  # fmt: skip
    script = f"set -e\n{odd.lines}\ncd {shlex.quote(str(folder))}\nexec {shlex.join(command)}"
    words = ["sh", "-c", script]
    if odd.namespaces:
        root = [] if os.geteuid() == 0 or "--user" in odd.namespaces else ["--map-root-user"]
        words = ["unshare", *root, *odd.namespaces, *words]
        allowed = subprocess.run([*words[: words.index("sh")], "sh", "-c", f"set -e\n{odd.lines}"], capture_output=True)
        if allowed.returncode:
            pytest.skip(f"this machine forbids it: {allowed.stderr.decode().strip()}")
    ended = subprocess.run(words, capture_output=True, env=environment, timeout=300)
    said = ended.stderr.decode(errors="replace")
    assert ended.returncode == 0, said
    (run,) = json.loads(ended.stdout)["runs"]
    assert (run["state"], run["ranks"]) == ("completed", 2), said
    assert "Traceback" not in said
