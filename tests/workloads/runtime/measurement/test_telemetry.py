"""What ends up in a telemetry file is what the ranks measured."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from orchestrator.telemetry import file as telemetry_file
from workloads.runtime.communicators import Communicator
from workloads.runtime.measurement.places import Place
from workloads.runtime.measurement.telemetry import Telemetry, TelemetryFile

PLACE = Place("n1", 0, 0, "cpu", (0, 1))
SHORT = 2.0**-10
"""A time, s, of which the process that tests has lived for many."""


def three_steps(unit: str = "samples") -> Telemetry:
    telemetry = Telemetry(10, unit)
    telemetry.enter("train")
    for number in range(3):
        telemetry.step((1 + number) * SHORT, SHORT / 4, SHORT / 2, epoch=number // 2, items=7 * (number + 1))
    telemetry.leave()
    telemetry.losses = {"": np.array([3, 2, 1], np.float32)}
    return telemetry


def test_a_file_says_what_was_measured_and_what_the_items_are(alone: Communicator, tmp_path: Path) -> None:
    TelemetryFile(tmp_path / "t.h5", PLACE, alone).write(three_steps("points"))
    with h5py.File(tmp_path / "t.h5") as file:
        assert file.attrs["unit"] == "points"
        assert file["step/samples"][0].tolist() == [7, 14, 21]
        assert (file["step/compute"][0] / SHORT).tolist() == [0.25, 1.25, 2.25]
        assert file["step/loss"][0].tolist() == [3, 2, 1]
        assert file["phase/name"][()].tolist() == [b"train"]
    read = telemetry_file.read_telemetry(tmp_path / "t.h5")
    assert read.sums.samples.tolist() == [42]


def test_several_players_have_a_loss_each(alone: Communicator, tmp_path: Path) -> None:
    telemetry = three_steps()
    telemetry.losses = {"/critic": np.zeros(3, np.float32), "/generator": np.ones(3, np.float32)}
    TelemetryFile(tmp_path / "t.h5", PLACE, alone).write(telemetry)
    with h5py.File(tmp_path / "t.h5") as file:
        assert set(file["step/loss"]) == {"critic", "generator"}
        assert file["step/loss/generator"][0].tolist() == [1, 1, 1]


def test_a_file_written_twice_holds_every_step_once(alone: Communicator, tmp_path: Path) -> None:
    telemetry = three_steps()
    file = TelemetryFile(tmp_path / "t.h5", PLACE, alone)
    file.write(telemetry)
    telemetry.step(9 * SHORT, 0.0, 0.0, epoch=2, items=1)
    telemetry.losses = {"": np.array([3, 2, 1, 0.5], np.float32)}
    file.write(telemetry)
    with h5py.File(tmp_path / "t.h5") as found:
        assert (found["step/total"][0] / SHORT).tolist() == [1, 2, 3, 9]
        assert found["step/loss"][0, 3] == pytest.approx(0.5)
