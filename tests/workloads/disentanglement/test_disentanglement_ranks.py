"""Losses that couple a batch train the same on one rank and on four, whatever carries their rows."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from cells import Cell, Prepared, train
from commands import PROJECT
from ranks import mpirun

from workloads.runtime.communicators import Communicator

pytestmark = pytest.mark.ranks

COUPLED = [Cell("disentanglement", "xyc", method) for method in ("dae", "beta_tc_vae", "dip_vae_ii", "factor_vae")]
"""By minima and neighbours, by densities, by a covariance, and by shuffling."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def alone_losses(
    data: Path, tmp_path_factory: pytest.TempPathFactory, alone: Communicator
) -> dict[str, dict[str, list[float]]]:
    """The losses of each cell on one rank, by player."""
    found = {}
    for cell in COUPLED:
        trained = train(Prepared.of(cell, data), tmp_path_factory.mktemp("alone"), alone)
        assert trained is not None
        found[str(cell)] = {name: losses.tolist() for name, losses in trained.losses.items()}
    return found


@pytest.mark.parametrize("comm", ["horovod", "mpi", "torch"])
def test_four_ranks_train_what_one_does(
    comm: str, data: Path, alone_losses: dict[str, dict[str, list[float]]], tmp_path: Path
) -> None:
    names = [":".join((cell.benchmark, cell.dataset, cell.method)) for cell in COUPLED]
    answer = mpirun(4, str(PROJECT / "tests" / "train_cells.py"), comm, str(data), str(tmp_path), *names)
    assert answer.returncode == 0, answer.stderr
    for cell, expected in alone_losses.items():
        found = json.loads((tmp_path / f"{cell}.json").read_text())["losses"]
        assert found.keys() == expected.keys()
        for player, losses in expected.items():
            np.testing.assert_allclose(found[player], losses, rtol=1e-4, err_msg=f"{cell}, {player}")
