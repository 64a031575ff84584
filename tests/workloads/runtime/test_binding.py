"""A rank takes the cores that were dealt out to it, before any library starts a thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from commands import PROJECT

from orchestrator.records.topology import read_topology

REPORT = """
import os, threading, time
threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
from workloads.runtime.binding import bind_rank, have_own_cores
cores = bind_rank({slot}, os.environ)
{then}
masks = [os.sched_getaffinity(int(thread)) for thread in os.listdir("/proc/self/task")]
print(cores.bound, masks, cores.usable, have_own_cores(2, os.environ))
print(cores.trouble or cores.change())
"""


def bound(slot: int, then: str = "", **environment: str) -> list[str]:
    """What a process says that is the rank ``slot``."""
    words = [sys.executable, "-c", REPORT.format(slot=slot, then=then)]
    done = subprocess.run(
        words, cwd=PROJECT, env={**os.environ, **environment}, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


ALLOWED = sorted(os.sched_getaffinity(0))
LAST = ALLOWED[-1]
USABLE = read_topology().usable_cores


def test_all_threads_of_a_rank_are_bound_to_its_cores() -> None:
    first, trouble = bound(1, ORCHESTRATOR_CORES=f"{ALLOWED[0]};{LAST}")
    assert first == f"({LAST},) [{{{LAST}}}, {{{LAST}}}] {USABLE} True"
    assert trouble == ""


def test_a_rank_that_nobody_told_reads_what_its_launcher_did() -> None:
    first, trouble = bound(0)
    assert first.startswith(f"{tuple(ALLOWED)} ") and trouble == ""


def test_cores_that_may_not_be_used_leave_the_rank_where_it_is_and_say_so() -> None:
    first, trouble = bound(0, ORCHESTRATOR_CORES="8191")
    assert first.startswith(f"{tuple(ALLOWED)} ")
    assert trouble == "ranks are not bound to cores: 8191 may not be used here (Invalid argument)"


def test_why_ranks_are_not_bound_is_passed_on() -> None:
    first, trouble = bound(0, ORCHESTRATOR_UNBOUND="others hold them")
    assert trouble == "others hold them"
    assert first.endswith(str(USABLE >= 2))


@pytest.mark.skipif(len(ALLOWED) < 2, reason="on one processor nothing can be changed")
def test_a_library_that_binds_the_rank_elsewhere_is_found_out() -> None:
    first, change = bound(0, then=f"os.sched_setaffinity(0, {{{ALLOWED[0]}}})", ORCHESTRATOR_CORES=str(LAST))
    assert first.startswith(f"({LAST},) ")
    assert change == f"cores {LAST} when it started, and a library bound it to {ALLOWED[0]}"
