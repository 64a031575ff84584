"""Cores and accelerators of one machine dealt out to runs that are on it at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import PROJECT
from topologies import DESKTOP, EPYC_TWO_SOCKETS, write_machine

from orchestrator.launch import dealing
from orchestrator.launch.dealing import Binding, Machine, bind_ranks, held_cores, hold_places
from orchestrator.records.topology import Topology, read_topology


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> str:
    """Names of our own: other runs may be on this machine."""
    own = f"test-{os.getpid()}-{time.monotonic_ns()}"
    monkeypatch.setattr(dealing, "NAMES", own)
    return own


@pytest.fixture
def desktop(tmp_path: Path) -> Machine:
    return Machine(read_topology(write_machine(tmp_path, DESKTOP), frozenset(range(8))))


def test_runs_at_once_get_different_cores_and_give_them_back(desktop: Machine) -> None:
    with hold_places(2, 1, desktop) as first, hold_places(1, 3, desktop) as second:
        assert first.ranks == ((0, 1), (2, 3))
        assert second.ranks == ((4, 5, 6),)
        assert [core.number for core in held_cores(desktop.topology)] == [0, 2, 4, 5, 6]
    assert held_cores(desktop.topology) == []


def test_a_run_for_which_too_few_cores_are_left_is_bound_to_none_and_says_who_has_them(desktop: Machine) -> None:
    with hold_places(1, 4, desktop), hold_places(1, 3, desktop) as late:
        assert late.ranks == ()
        assert "3 cores are needed, and other runs on this machine hold 0-5 of 0-7" in late.reason
        # It holds nothing, so a smaller one still has its cores.
        with hold_places(1, 2, desktop) as small:
            assert small.ranks == ((6, 7),)


def test_the_other_thread_of_a_core_is_not_given_to_another_run(tmp_path: Path) -> None:
    root = write_machine(tmp_path, EPYC_TWO_SOCKETS)
    first, second = (Machine(read_topology(root, frozenset({thread}))) for thread in (0, 128))
    with hold_places(1, 1, first) as mine, hold_places(1, 1, second) as other:
        assert mine.ranks == ((0,),)
        assert other.ranks == ()


def test_a_run_of_another_process_holds_its_cores_until_it_ends_in_any_way(desktop: Machine, names: str) -> None:
    program = (
        "import time\nfrom orchestrator.launch import dealing\nfrom orchestrator.launch.dealing import Machine\n"
        f"from orchestrator.records.topology import Core, Topology\ndealing.NAMES = {names!r}\n"
        f"with dealing.hold_places(1, 2, {desktop!r}) as binding: print(binding.ranks, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "((0, 1, 2, 3),)\n"
        with hold_places(1, 2, desktop) as mine:
            assert mine.ranks == ((4, 5),)
        other.kill()
    assert held_cores(desktop.topology) == []


@pytest.mark.parametrize(("ranks", "held"), [(4, 4), (250, 0)])
def test_a_machine_of_more_cores_than_open_files_is_dealt_out_as_far_as_they_reach(ranks: int, held: int) -> None:
    program = (
        "import os, resource\nfrom orchestrator.launch import dealing\n"
        "from orchestrator.records.topology import Core, Topology\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))\n"
        f"dealing.NAMES = 'test-{os.getpid()}'\n"
        "topology = Topology(tuple(Core(n, (n,)) for n in range(300)), frozenset(range(300)))\n"
        f"with dealing.hold_places({ranks}, 1, dealing.Machine(topology)) as binding:\n"
        "    print(len(binding.ranks), len(dealing.held_cores(topology)), binding.reason)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith(f"{held} {held} ")
    assert ("held by as many open files, and the limit is 256 (ulimit -n)" in ended.stdout) == (held == 0)


def bound(topology: Topology, ranks: int, each: int) -> Binding:
    return bind_ranks(Machine(topology), topology.usable, (), ranks, each)


def test_more_ranks_than_cores_are_bound_to_none(desktop: Machine) -> None:
    binding = bound(desktop.topology, 7, 1)
    assert binding.ranks == () and "7 cores are needed, and 6 may be used" in binding.reason
    assert binding.environment == {"ORCHESTRATOR_UNBOUND": binding.reason}


def test_under_a_quota_nothing_is_bound(desktop: Machine) -> None:
    cores, allowed = desktop.topology.cores, desktop.topology.allowed
    assert "a quota of 2 processors' time" in bound(Topology(cores, allowed, quota=2.0), 2, 1).reason
    assert bound(Topology(cores, allowed, quota=8.0), 2, 1).ranks


def test_a_pinned_shell_keeps_its_runs_within_its_cores(desktop: Machine) -> None:
    pinned = Topology(desktop.topology.cores, frozenset({1, 6, 7}))
    assert bound(pinned, 2, 1).environment == {"ORCHESTRATOR_CORES": "1;6"}
    assert (
        "3 cores are needed, and 2 may be used: its affinity allows 1,6"
        in bound(Topology(pinned.cores, frozenset({1, 6})), 3, 1).reason
    )


def test_runs_at_once_get_different_accelerators(desktop: Machine) -> None:
    four = Machine(desktop.topology, ("0", "1", "2", "3"))
    with hold_places(2, 1, four) as first, hold_places(1, 1, four) as second:
        assert first.environment == {"ORCHESTRATOR_CORES": "0-1;2-3", "ORCHESTRATOR_DEVICES": "0,1"}
        assert second.environment == {"ORCHESTRATOR_CORES": "4", "ORCHESTRATOR_DEVICES": "2"}
        with hold_places(2, 1, four) as third:
            assert third.devices == () and third.ranks == ((5,), (6,))
            assert third.environment["ORCHESTRATOR_DEVICES"] == "shared"
            assert "ranks share accelerators with other runs on this machine, which hold 3 of 4" in third.reason


def test_ranks_that_outnumber_accelerators_take_them_in_turn(desktop: Machine) -> None:
    chosen = Machine(desktop.topology, ("2", "5"))
    assert bind_ranks(chosen, chosen.topology.usable, ("2", "5"), 4, 1).devices == (0, 1, 0, 1)
    assert bind_ranks(chosen, chosen.topology.usable, ("5",), 1, 1).devices == (1,)
