"""Cores of one machine dealt out to runs that are on it at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import PROJECT
from topologies import DESKTOP, EPYC_TWO_SOCKETS, write_machine

from orchestrator.launch import cores
from orchestrator.launch.cores import bind_ranks, held_cores, hold_cores
from orchestrator.records.topology import Topology, read_topology


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> str:
    """Cores under names of our own: other runs may be on this machine."""
    own = f"test-{os.getpid()}-{time.monotonic_ns()}"
    monkeypatch.setattr(cores, "NAMES", own)
    return own


@pytest.fixture
def desktop(tmp_path: Path) -> Topology:
    return read_topology(write_machine(tmp_path, DESKTOP), frozenset(range(8)))


def test_runs_at_once_get_different_cores_and_give_them_back(desktop: Topology) -> None:
    with hold_cores(2, 1, desktop) as first, hold_cores(1, 3, desktop) as second:
        assert first.ranks == ((0, 1), (2, 3))
        assert second.ranks == ((4, 5, 6),)
        assert [core.number for core in held_cores(desktop)] == [0, 2, 4, 5, 6]
    assert held_cores(desktop) == []


def test_a_run_for_which_too_few_cores_are_left_is_bound_to_none_and_says_who_has_them(desktop: Topology) -> None:
    with hold_cores(1, 4, desktop), hold_cores(1, 3, desktop) as late:
        assert late.ranks == ()
        assert "3 cores are needed, and other runs on this machine hold 0-5 of 0-7" in late.reason
        # It holds nothing, so a smaller one still has its cores.
        with hold_cores(1, 2, desktop) as small:
            assert small.ranks == ((6, 7),)


def test_the_other_thread_of_a_core_is_not_given_to_another_run(tmp_path: Path) -> None:
    root = write_machine(tmp_path, EPYC_TWO_SOCKETS)
    first, second = (read_topology(root, frozenset({thread})) for thread in (0, 128))
    with hold_cores(1, 1, first) as mine, hold_cores(1, 1, second) as other:
        assert mine.ranks == ((0,),)
        assert other.ranks == ()


def test_a_run_of_another_process_holds_its_cores_until_it_ends_in_any_way(desktop: Topology, names: str) -> None:
    program = (
        "import time; from orchestrator.launch import cores; from orchestrator.records.topology import *\n"
        f"cores.NAMES = {names!r}\n"
        f"with cores.hold_cores(1, 2, {desktop!r}) as binding: print(binding.ranks, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "((0, 1, 2, 3),)\n"
        with hold_cores(1, 2, desktop) as mine:
            assert mine.ranks == ((4, 5),)
        other.kill()
    assert held_cores(desktop) == []


def test_more_ranks_than_cores_are_bound_to_none(desktop: Topology) -> None:
    binding = bind_ranks(desktop, desktop.usable, 7, 1)
    assert binding.ranks == () and "7 cores are needed, and 6 may be used" in binding.reason
    assert binding.environment == {"ORCHESTRATOR_UNBOUND": binding.reason}


def test_under_a_quota_nothing_is_bound(desktop: Topology) -> None:
    limited = Topology(desktop.cores, desktop.allowed, quota=2.0)
    assert "a quota of 2 processors' time" in bind_ranks(limited, limited.usable, 2, 1).reason
    whole = Topology(desktop.cores, desktop.allowed, quota=8.0)
    assert bind_ranks(whole, whole.usable, 2, 1).ranks


def test_a_pinned_shell_keeps_its_runs_within_its_cores(desktop: Topology) -> None:
    pinned = Topology(desktop.cores, frozenset({1, 6, 7}))
    binding = bind_ranks(pinned, pinned.usable, 2, 1)
    assert binding.environment == {"ORCHESTRATOR_CORES": "1;6"}
