"""Losses that couple a batch train the same on one rank and on four, whatever carries their rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cells import Cell, Losses, Prepared, train
from train_cells import read_trained, train_on_ranks

from workloads.runtime.communicators import Communicator

pytestmark = [pytest.mark.ranks, pytest.mark.thorough]

METHODS = ("dae", "annealed_vae", "beta_tc_vae", "dip_vae_ii", "factor_vae", "info_gan", "ib_gan")
COUPLED = [Cell("disentanglement", "xyc", method) for method in METHODS]
"""By minima and neighbours, a distance to a capacity, densities, a covariance, shuffling, a generator's batch norm."""
CAPACITY = 0.06
"""Of annealed_vae: within its few steps the divergence crosses it, and parts of a batch lie on both sides of it."""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> list[Prepared]:
    """The cells with their data."""
    root = tmp_path_factory.mktemp("data")
    return [with_capacity(Prepared.of(cell, root)) for cell in COUPLED]


def with_capacity(one: Prepared) -> Prepared:
    """A cell whose ``capacity``, if it has one, is such that its batch is coupled."""
    settings = one.spec.settings
    if "capacity" not in settings["model"]:
        return one
    settings = {**settings, "model": {**settings["model"], "capacity": CAPACITY}}
    return replace(one, spec=replace(one.spec, settings=settings))


@pytest.fixture(scope="module")
def expected(
    prepared: list[Prepared], tmp_path_factory: pytest.TempPathFactory, alone: Communicator
) -> dict[Cell, Losses]:
    """The losses of each cell on one rank."""
    found = {}
    for one in prepared:
        trained = train(one, tmp_path_factory.mktemp("alone"), alone)
        assert trained is not None
        found[one.cell] = trained.losses
    return found


@pytest.mark.parametrize("comm", ["horovod", "mpi", "torch"])
def test_four_ranks_train_what_one_does(
    comm: str, prepared: list[Prepared], expected: dict[Cell, Losses], tmp_path: Path
) -> None:
    answer = train_on_ranks(4, comm, prepared, tmp_path)
    assert answer.returncode == 0, answer.stderr
    for cell, losses in expected.items():
        found, _ = read_trained(tmp_path, cell)
        assert found.keys() == losses.keys()
        for player, values in losses.items():
            np.testing.assert_allclose(found[player], values, rtol=1e-4, err_msg=f"{cell}, {player}")
