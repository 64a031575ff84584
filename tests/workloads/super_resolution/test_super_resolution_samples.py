"""Patches in the orientations that a training sees them in."""

from __future__ import annotations

from typing import Any

import numpy as np

from workloads.runtime.samples.sampleset import Arrays, SampleSet
from workloads.super_resolution.samples import ORIENTATIONS, Oriented, turned

NUMBERED = np.arange(4.0).reshape(2, 2)


class Patches(SampleSet):
    """Ten coarse fields of 2 x 2 numbered cells, and the fine ones that repeat each cell."""

    def __len__(self) -> int:
        return 10

    def read(self, indices: Any, out: Arrays | None = None) -> Arrays:
        coarse = np.tile(NUMBERED, (len(indices), 1, 1, 1)) + 10 * indices[:, None, None, None]
        return {"input": coarse, "target": coarse.repeat(2, axis=-1).repeat(2, axis=-2)}


def test_all_eight_orientations_of_a_square_come_about_equally_often() -> None:
    seen = Oriented(Patches(), 3).read(np.arange(8000))["input"][:, 0] % 10
    found, counts = np.unique(seen.reshape(-1, 4), axis=0, return_counts=True)
    assert len(found) == ORIENTATIONS and counts.min() > 900


def test_a_sample_s_fields_are_turned_together() -> None:
    some = Oriented(Patches(), 3).read(np.arange(40))
    np.testing.assert_array_equal(some["target"][..., ::2, ::2], some["input"])


def test_an_orientation_is_of_seed_epoch_and_sample_alone() -> None:
    patches = Oriented(Patches(), 3)
    whole = patches.read(np.arange(40))["input"]
    np.testing.assert_array_equal(patches.read(np.array([27, 4]))["input"], whole[[27, 4]])
    assert not np.array_equal(whole[:10], whole[10:20]), "the next epoch's are others"
    assert not np.array_equal(whole, Oriented(Patches(), 4).read(np.arange(40))["input"])


def test_the_first_orientation_is_as_stored_and_the_others_are_all_different() -> None:
    eight = turned(np.tile(NUMBERED, (8, 1, 1)), np.arange(8))
    np.testing.assert_array_equal(eight[0], NUMBERED)
    assert len(np.unique(eight.reshape(8, -1), axis=0)) == 8
