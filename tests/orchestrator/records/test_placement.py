"""Who sits where: cores dealt out to ranks, and the nodes and accelerators of ranks."""

from __future__ import annotations

from pathlib import Path

import pytest
from topologies import DESKTOP, EPYC_TWO_SOCKETS, POWER9, write_machine

from orchestrator.records.placement import (
    PlacementError,
    Seat,
    deal_cores,
    device_of,
    format_cores,
    parse_cores,
    refuse_scattered,
    seat_ranks,
    threads_of,
)
from orchestrator.records.topology import Core, read_topology


def cores_of(tmp_path: Path, lscpu: str) -> tuple[Core, ...]:
    return read_topology(write_machine(tmp_path, lscpu), frozenset(range(256))).usable


def numbers(dealt: list[tuple[Core, ...]] | None) -> list[list[int]]:
    assert dealt is not None
    return [[core.number for core in cores] for cores in dealt]


def test_every_rank_gets_whole_cores_of_its_own(tmp_path: Path) -> None:
    dealt = deal_cores(cores_of(tmp_path, EPYC_TWO_SOCKETS), 8, 16)
    assert numbers(dealt) == [list(range(first, first + 16)) for first in range(0, 128, 16)]
    assert dealt is not None
    assert threads_of(dealt[0]) == (*range(16), *range(128, 144))


def test_ranks_are_spread_in_blocks_over_numa_domains_and_do_not_straddle_them(tmp_path: Path) -> None:
    cores = cores_of(tmp_path, POWER9)
    assert numbers(deal_cores(cores, 2, 1)) == [[0], [16]]
    assert numbers(deal_cores(cores, 2, 3)) == [[0, 4, 8], [16, 20, 24]]
    assert numbers(deal_cores(cores, 4, 2)) == [[0, 4], [8, 12], [16, 20], [24, 28]]
    assert numbers(deal_cores(cores, 1, 6)) == [[0, 4, 8, 12, 16, 20]]


def test_a_domain_that_is_full_leaves_its_ranks_to_the_next(tmp_path: Path) -> None:
    cores = [core for core in cores_of(tmp_path, POWER9) if core.number in (0, 16, 20, 24)]
    assert numbers(deal_cores(cores, 2, 2)) == [[16, 20], [0, 24]]


def test_where_cores_are_too_few_none_are_dealt_out(tmp_path: Path) -> None:
    cores = cores_of(tmp_path, DESKTOP)
    assert deal_cores(cores, 7, 1) is None
    assert len(numbers(deal_cores(cores, 6, 1))) == 6


def test_cores_travel_as_text() -> None:
    text = format_cores([(0, 64), (1, 65)])
    assert text == "0,64;1,65"
    assert [parse_cores(text, slot) for slot in range(3)] == [(0, 64), (1, 65), ()]
    assert parse_cores("", 0) == ()


def test_a_node_is_a_host_whatever_the_order_of_its_ranks() -> None:
    blocks, cyclic = ["a", "a", "b", "b"], ["a", "b", "a", "b"]
    assert seat_ranks(blocks, 2) == [Seat(0, 0, 0), Seat(0, 1, 1), Seat(1, 0, 0), Seat(1, 1, 1)]
    assert seat_ranks(cyclic, 2) == [Seat(0, 0, 0), Seat(1, 0, 0), Seat(0, 1, 1), Seat(1, 1, 1)]


def test_nodes_of_one_machine_are_ranks_in_a_row_that_take_its_accelerators_in_turn() -> None:
    seats = seat_ranks(["here"] * 4, 2)
    assert [(seat.node, seat.local_rank) for seat in seats] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [device_of(seat.slot, 4) for seat in seats] == [0, 1, 2, 3]
    assert [device_of(seat.slot, 1) for seat in seats] == [0, 0, 0, 0]


def test_an_accelerator_that_was_dealt_out_is_taken() -> None:
    assert [device_of(slot, 4, "2,3") for slot in range(2)] == [2, 3]
    assert device_of(0, 1, "2") == 0


def test_all_accelerators_of_a_node_are_used_under_either_distribution() -> None:
    for hosts in (["a"] * 4 + ["b"] * 4, ["a", "b"] * 4):
        taken = {(host, device_of(seat.slot, 4)) for host, seat in zip(hosts, seat_ranks(hosts, 4), strict=True)}
        assert len(taken) == 8


def test_ranks_that_are_not_where_they_were_planned_are_refused() -> None:
    refuse_scattered(["a", "a", "b", "b"], 2, 2)
    with pytest.raises(PlacementError, match=r"ranks 0, 2 are on a: .* neighbours.* cluster.launcher_options"):
        refuse_scattered(["a", "b", "a", "b"], 2, 2)
    with pytest.raises(PlacementError, match=r"2 ranks on each node, and the launcher put 3 on a, 1 on b"):
        refuse_scattered(["a", "a", "a", "b"], 2, 2)
    with pytest.raises(PlacementError, match=r"2 ranks on each node, and the launcher put 2 on a, 1 on b, 1 on c"):
        refuse_scattered(["a", "a", "b", "c"], 2, 2)
