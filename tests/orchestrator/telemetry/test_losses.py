"""The course of the losses is read from the ranks' means, and is the same however the items were dealt out."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from orchestrator.records import TELEMETRY_SCHEMA, step_dataset
from orchestrator.telemetry import losses
from orchestrator.telemetry.losses import read_losses

EACH = np.random.default_rng(4).random((3, 16))
"""The loss of each item in each of three steps, of 16 items, of 5 and of 1."""
ITEMS = (16, 5, 1)


def dealt_out(path: Path, ranks: int) -> Path:
    """What so many ranks write of them: their means over their own items, 0 without any."""
    shares = [np.array_split(each[:count], ranks) for each, count in zip(EACH, ITEMS, strict=True)]
    counts = np.array([[len(share) for share in step] for step in shares], np.int32).T
    means = np.array([[share.mean() if len(share) else 0.0 for share in step] for step in shares], np.float32).T
    write(path, counts, {"step/loss": means})
    return path


def write(path: Path, counts: npt.NDArray[np.int32], found: dict[str, npt.NDArray[np.float32]]) -> None:
    with h5py.File(path, "w") as file:
        file.attrs["schema"] = TELEMETRY_SCHEMA
        file.attrs["first_step"] = 7
        file["step/samples"] = counts
        file[step_dataset("total")] = np.full(counts.shape, 0.5, np.float32)
        for name, values in found.items():
            file[name] = values


@pytest.mark.parametrize("block", [1, 4 * 3 * 3, 2**20])
@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_the_losses_of_a_run_do_not_depend_on_how_many_ranks_shared_its_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranks: int, block: int
) -> None:
    monkeypatch.setattr(losses, "BLOCK_BYTES", block)
    course = read_losses(dealt_out(tmp_path / "telemetry.h5", ranks))
    assert course is not None and course.first_step == 7 and course.seconds.tolist() == [0.5, 1.0, 1.5]
    expected = [each[:count].mean() for each, count in zip(EACH, ITEMS, strict=True)]
    assert course.losses[""] == pytest.approx(expected, rel=1e-6)


def test_each_players_losses_are_weighted_by_the_same_items_and_a_step_without_any_has_none(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.h5"
    counts = np.array([[3, 0], [1, 0]], np.int32)
    two = {"step/loss/critic": np.array([[1, 0], [5, 0]], np.float32), "step/loss/maker": np.ones((2, 2), np.float32)}
    write(path, counts, two)
    course = read_losses(path)
    assert course is not None
    assert {name: found.tolist() for name, found in course.losses.items()} == {"/critic": [2, 0], "/maker": [1, 0]}


def test_losses_without_the_items_that_they_are_of_are_none(tmp_path: Path) -> None:
    path = dealt_out(tmp_path / "telemetry.h5", 2)
    with h5py.File(path, "r+") as file:
        del file["step/samples"]
        file["step/samples"] = np.ones((2, 2), np.int32)
    assert read_losses(path) is None
