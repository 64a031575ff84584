"""Which rank sits on which core and device of which node, as a picture in text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from commands import Command
from topologies import DESKTOP, EPYC_TWO_SOCKETS, write_machine

from orchestrator.launch.dealing import bind_ranks, read_machine
from orchestrator.records import Layout, World
from orchestrator.records.placement import deal_cores, threads_of
from orchestrator.records.topology import read_topology
from orchestrator.report.placement import draw_nodes, layout_of, recorded_placement
from orchestrator.report.tables.placement import placement_lines


def world_of(hosts: list[str], cores: list[str], devices: list[str] | None = None, **further: Any) -> World:
    found: Any = {
        "ranks": len(hosts), "nodes": len(set(hosts)), "hosts": hosts, "devices": devices or ["cpu"] * len(hosts),
        "cores": cores, "comm": "mpi", "threads_per_rank": 1, **further,
    }  # fmt: skip
    world: World = found
    return world


def picture(found: World, ranks_per_node: int = 1) -> list[str]:
    placement = recorded_placement(found, [rank // ranks_per_node for rank in range(found["ranks"])])
    assert placement is not None
    return placement_lines(placement)


def two_epycs(tmp_path: Path) -> tuple[Layout, list[str]]:
    """The layout of a node of two processors, and the threads of eight ranks on it."""
    topology = read_topology(write_machine(tmp_path, EPYC_TWO_SOCKETS), frozenset(range(256)))
    dealt = deal_cores(topology.usable, 8, 16)
    assert dealt is not None
    return layout_of(topology), [",".join(map(str, threads_of(cores))) for cores in dealt]


def test_nodes_that_look_alike_are_drawn_once_within_80_columns(tmp_path: Path) -> None:
    layout, cores = two_epycs(tmp_path)
    hosts = [host for host in ("n1", "n2") for _ in range(8)]
    devices = [f"NVIDIA A100-SXM4-80GB GPU-{host}-{number}" for host in ("n1", "n2") for number in range(8)]
    lines = picture(world_of(hosts, cores * 2, devices, layouts=[layout], layout_of_rank=[0] * 16), 8)
    assert lines[:6] == [
        "n1, n2: 8 ranks each",
        "  NUMA 0, cores 0-63",
        "    " + " ".join(str(number) * 8 for number in (0, 0, 1, 1, 2, 2, 3, 3)),
        "  NUMA 1, cores 64-127",
        "    " + " ".join(str(number) * 8 for number in (4, 4, 5, 5, 6, 6, 7, 7)),
        "  0 rank 0: 16 cores (0-15), 2 threads each, NVIDIA A100-SXM4-80GB #0",
    ]
    assert len(lines) == 13
    assert max(map(len, lines)) <= 80


def test_a_node_of_another_kind_is_drawn_for_itself(tmp_path: Path) -> None:
    layout, cores = two_epycs(tmp_path)
    found = world_of(["n1", "n2"], [cores[0], cores[1]], layouts=[layout], layout_of_rank=[0, 0])
    titles = [line for line in picture(found) if line.endswith(": 1 rank")]
    assert titles == ["n1: 1 rank", "n2: 1 rank"]


def test_free_cores_and_cores_of_several_ranks_are_told_apart(tmp_path: Path) -> None:
    layout = layout_of(read_topology(write_machine(tmp_path, DESKTOP), frozenset(range(8))))
    why = "ranks are not bound to cores: others hold them"
    lines = picture(world_of(["pc"] * 3, ["0,1", "2,4", "2"], layouts=[layout], layout_of_rank=[0] * 3, unbound=why))
    assert lines == [
        "pc: 3 ranks",
        "  cores 0,2,4-7",
        "    0*1···",
        "  * several ranks, · no rank",
        "  0 rank 0: 1 core (0), 2 threads each",
        "  1 rank 1: 2 cores (2,4), threads 2,4",
        "  2 rank 2: 1 core (2), threads 2",
        why,
    ]


def test_a_result_of_version_0_1_shows_the_cores_that_its_ranks_had() -> None:
    assert picture(world_of(["pc", "pc"], ["0,1", "2"])) == [
        "pc: 2 ranks", "  cores 0-2", "    001", "  0 rank 0: 2 cores (0-1)", "  1 rank 1: 1 core (2)",
    ]  # fmt: skip


def test_a_result_whose_lists_do_not_agree_has_no_picture() -> None:
    assert recorded_placement(world_of(["pc"], ["0", "1"]), [0]) is None
    assert recorded_placement(world_of([], []), []) is None
    wrong = recorded_placement(world_of(["pc"], ["0"], layouts=[[["0"]]], layout_of_rank=[7]), [0])
    assert wrong is not None and draw_nodes(wrong)[0].title == "pc: 1 rank"


def test_plan_draws_what_will_be_bound(orchestrator: Command) -> None:
    machine = read_machine()
    bound = bind_ranks(machine, machine.topology.usable, machine.accelerators, 1, 1).ranks
    answer = orchestrator("plan", "benchmark=stemdl", "nodes=1", "cluster.threads_per_rank=1", "comm=mpi")
    assert answer.code == 0 and "this machine: 1 rank" in answer.out
    (run,) = orchestrator("plan", "benchmark=stemdl", "cluster.threads_per_rank=1", "--json").document["runs"]
    assert run["placement"]["cores"] == [",".join(map(str, threads)) for threads in bound]


def test_plan_draws_the_nodes_of_a_scheduler_as_they_are_asked_for(orchestrator: Command) -> None:
    answer = orchestrator("plan", "benchmark=stemdl", "cluster=a100x8", "nodes=2")
    assert "node 0, node 1: 8 ranks each" in answer.out
    assert "7 rank 7: 16 cores (112-127), accelerator 7" in answer.out
