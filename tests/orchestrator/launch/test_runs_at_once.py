"""Where real ranks sit: two runs at once, and a run of a pinned shell.

Cores are held by names of the network namespace, so each test has one of its own: other tests run meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import environment

from orchestrator.records.topology import read_topology

ALLOWED = sorted(os.sched_getaffinity(0))
UNSHARED = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]

pytestmark = [
    pytest.mark.ranks,
    pytest.mark.skipif(read_topology().usable_cores < 2, reason="on one core there is nothing to deal out"),
]


def worlds(folder: Path, *words: str, prefix: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Run a campaign that computes nothing, and return what its runs recorded of their ranks."""
    if subprocess.run([*UNSHARED, "true"], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here")
    command = [sys.executable, "-m", "orchestrator", "benchmark=noop", "mode=noop", "comm=mpi", "campaign=c", *words]
    answer = subprocess.run(
        [*UNSHARED, *prefix, *command], cwd=folder, env=environment(), capture_output=True, text=True, timeout=180
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    results = sorted((folder / "results/c").glob("*/attempt-1/result.json"))
    return [{**json.loads(path.read_text())["world"], "said": answer.stdout} for path in results]


def test_two_runs_at_once_are_bound_to_different_cores(tmp_path: Path) -> None:
    words = ("repeats=2", "cluster.limits.max_jobs=2", "cluster.threads_per_rank=1")
    first, second = worlds(tmp_path, *words)
    assert first["unbound"] is None and second["unbound"] is None
    assert first["cores"] != second["cores"]
    assert len(first["cores"]) == 1 and first["usable_cores"] == read_topology().usable_cores


def test_a_run_of_a_pinned_shell_stays_on_its_core(tmp_path: Path) -> None:
    last = ALLOWED[-1]
    (world,) = worlds(tmp_path, prefix=("taskset", "-c", str(last)))
    assert (world["cores"], world["threads_per_rank"], world["usable_cores"]) == ([str(last)], 1, 1)
