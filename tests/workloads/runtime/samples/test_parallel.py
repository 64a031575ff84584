"""Work done by threads: what order it is given to them in."""

from __future__ import annotations

from itertools import pairwise

import pytest

from workloads.runtime.samples.parallel import interleave_items
from workloads.runtime.samples.writer import shard_sizes


def test_pieces_of_each_stretch_come_in_turn() -> None:
    assert interleave_items([1, 2, 3, 4, 5, 6], 2) == [1, 4, 2, 5, 3, 6]
    assert interleave_items([1, 2, 3, 4, 5], 2) == [1, 4, 2, 5, 3]
    assert interleave_items([1, 2, 3], 1) == [1, 2, 3]
    assert interleave_items([], 2) == []


@pytest.mark.parametrize("pieces", [2, 3, 10, 101])
@pytest.mark.parametrize("ways", [1, 2, 3, 8])
def test_every_piece_comes_once_however_they_are_dealt(pieces: int, ways: int) -> None:
    assert sorted(interleave_items(range(pieces), ways)) == list(range(pieces))


def test_neighbours_are_never_of_the_same_file() -> None:
    first = shard_sizes(100, 2)[0]
    for one, other in pairwise(interleave_items(range(100), 2)):
        assert (one < first) != (other < first)
