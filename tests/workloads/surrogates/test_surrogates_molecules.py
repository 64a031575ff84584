"""molecules: an exact energy, the published layout, batches of unequal molecules, and a network that keeps what must
stay.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from workloads.runtime.errors import DatasetError
from workloads.runtime.task import Step
from workloads.surrogates.datasets.molecules import FILE, MoleculesDataset
from workloads.surrogates.methods.schnet import Molecules, Schnet, SchnetNetwork
from workloads.surrogates.solvers.clusters import ELEMENTS, cluster_energy, draw_cluster

SETTINGS: dict[str, Any] = {
    "source": "stand-in", "version": "clusters-1", "split": "test", "preset": "tiny", "seed": 1, "most": 6,
    "molecules": 10, "smallest": 3,
}  # fmt: skip


def test_two_atoms_are_held_at_their_distance_by_their_depth() -> None:
    for number, (apart, depth) in ELEMENTS.items():
        both = np.array([number, number])
        energies = [cluster_energy(np.array([[0.0, 0, 0], [0, 0, part * apart]]), both) for part in (0.95, 1.0, 1.05)]
        assert energies[1] == pytest.approx(-depth) and energies[1] < min(energies[0], energies[2])


def test_an_energy_is_the_sum_over_pairs_however_atoms_are_turned_or_named() -> None:
    positions, numbers = draw_cluster(6, np.random.default_rng(1))
    pairs = [(one, other) for one in range(6) for other in range(one)]
    expected = sum(cluster_energy(positions[list(pair)], numbers[list(pair)]) for pair in pairs)
    assert cluster_energy(positions, numbers) == pytest.approx(expected)
    turned = positions[:, [1, 2, 0]] + 3.0
    order = [3, 1, 5, 0, 2, 4]
    assert cluster_energy(turned[order], numbers[order]) == pytest.approx(expected)
    assert expected < 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten clusters."""
    made = tmp_path_factory.mktemp("molecules") / "data"
    MoleculesDataset(SETTINGS).synthesise(made, lambda done, total: None, 1)
    return made


def test_every_fifth_molecule_is_kept_apart_and_each_counts_by_its_atoms(folder: Path) -> None:
    training, evaluation = Molecules(folder, "training"), Molecules(folder, "evaluation")
    assert (len(training), len(evaluation)) == (8, 2) and training.unit == "atoms"
    places = np.array([5, 0, 3])
    read = training.read(places)
    assert training.items(places).tolist() == read["size"].tolist() == (read["z"] > 0).sum(1).tolist()
    sizes = training.sizes
    assert 3 <= sizes.min() < sizes.max() <= 6
    first = int(sizes[0])
    energy = cluster_energy(read["pos"][1, :first].astype(np.float64), read["z"][1, :first])
    assert read["energy"][1] == pytest.approx(energy, rel=1e-6)


def network(**options: Any) -> SchnetNetwork:
    torch.manual_seed(1)
    told = {"width": 8, "interactions": 2, "gaussians": 6, "cutoff": 6.0, "mean": -0.1, "deviation": 0.2, **options}
    return SchnetNetwork(**told).double()


def some_molecules(folder: Path) -> dict[str, torch.Tensor]:
    arrays = Molecules(folder, "training").read(np.arange(8))
    return {name: torch.from_numpy(values) for name, values in arrays.items()}


def test_schnet_has_the_published_numbers_of_parameters() -> None:
    def parameters(width: int, interactions: int, gaussians: int) -> int:
        made = SchnetNetwork(width, interactions, gaussians, 6.0, 0.0, 1.0)
        return sum(parameter.numel() for parameter in made.parameters())

    # Of hydronet as it is called in sciml-bench, and of PyTorch Geometric's defaults.
    assert parameters(100, 4, 25) == 186_701
    assert parameters(128, 6, 50) == 455_809


def test_energies_in_bfloat16_are_as_near_to_single_precision_whatever_an_atoms_mean(folder: Path) -> None:
    model, batch = network(mean=-100.0, deviation=1.0).float(), some_molecules(folder)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(batch["pos"], batch["z"])
    torch.testing.assert_close(found, model(batch["pos"], batch["z"]), rtol=0, atol=0.02 * batch["z"].shape[1])


def test_an_energy_does_not_change_with_the_pose_the_order_or_the_room_that_a_molecule_has(folder: Path) -> None:
    model, batch = network(), some_molecules(folder)
    positions, numbers = batch["pos"].double(), batch["z"]
    energies = model(positions, numbers)
    turn, _ = torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64))
    torch.testing.assert_close(model(positions @ turn + 1.5, numbers), energies)
    order = torch.tensor([2, 0, 1, 5, 3, 4])
    torch.testing.assert_close(model(positions[:, order], numbers[:, order]), energies)
    roomier = nn.functional.pad(positions, (0, 0, 0, 4)), nn.functional.pad(numbers, (0, 4))
    torch.testing.assert_close(model(*roomier), energies)


def test_atoms_beyond_the_cutoff_do_not_see_each_other_and_slopes_are_finite() -> None:
    model = network(cutoff=3.0)
    numbers = torch.tensor([[6, 8, 0]])
    alone = sum(model(torch.zeros(1, 1, 3, dtype=torch.float64), torch.tensor([[number]])) for number in (6, 8))
    positions = torch.zeros(1, 3, 3, dtype=torch.float64)
    positions[0, 1, 0] = 3.01
    torch.testing.assert_close(model(positions, numbers), alone)
    near = (positions / 2).requires_grad_()
    (slope,) = torch.autograd.grad(model(near, numbers).sum(), near)
    assert torch.isfinite(slope).all() and slope.abs().max() > 0 and (slope[0, 2] == 0).all()


def test_the_loss_of_a_batch_is_that_of_its_parts_weighed_by_their_atoms(folder: Path) -> None:
    settings: Any = {"model": {}, "dataset": SETTINGS}
    task, model, batch = Schnet(settings, folder), network(), some_molecules(folder)
    batch["pos"] = batch["pos"].double()
    parts = [{name: values[part] for name, values in batch.items()} for part in (slice(0, 3), slice(3, 8))]
    losses = torch.stack([task.loss(model, part, Step()) for part in parts])
    atoms = torch.tensor([part["size"].sum() for part in parts])
    torch.testing.assert_close((losses * atoms).sum() / atoms.sum(), task.loss(model, batch, Step()))


def published(count: int = 5) -> dict[str, NDArray[Any]]:
    """Molecules of two atoms."""
    numbers = np.zeros((count, 6), np.uint8)
    numbers[:, :2] = 8
    positions = np.zeros((count, 6, 3), np.float32)
    positions[:, 1, 0] = 1.2
    energies = np.arange(count, dtype=np.float32)[:, None]
    return {"pos": positions, "z": numbers, "size": np.full((count, 1), 2, np.uint8), "y": energies}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"size": np.full((5, 1), 3, np.uint8)}, "'size' and 'z' do not agree"),
        ({"y": np.full((5, 1), np.nan, np.float32)}, "'y' has values that are not finite"),
        ({"pos": np.zeros((5, 7, 3), np.float32)}, r"'pos' has shape \(5, 7, 3\); expected \(5, 6, 3\)"),
        ({"z": None}, "is not a file as hydronet has it"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused(tmp_path: Path, changed: dict[str, Any], words: str) -> None:
    dataset = MoleculesDataset({**SETTINGS, "source": "real", "version": "hydronet_ds1"})

    def write(arrays: dict[str, Any]) -> None:
        with h5py.File(tmp_path / FILE, "w") as file:
            for name, values in arrays.items():
                if values is not None:
                    file[name] = values

    write(published())
    assert dataset.check_published(tmp_path) == {"training_molecules": 4, "evaluation_molecules": 1, "atoms": 10}
    write({**published(), **changed})
    with pytest.raises(DatasetError, match=words):
        dataset.check_published(tmp_path)
