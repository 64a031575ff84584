"""Published files of surrogates: all forms give the same fields, and what cannot be used is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from scipy.io import savemat

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import ConsolidatedSet, read_description_of
from workloads.surrogates.datasets.base import FieldsDataset
from workloads.surrogates.datasets.burgers import BurgersDataset
from workloads.surrogates.datasets.darcy import MATLAB, DarcyDataset
from workloads.surrogates.datasets.navier_stokes import NavierStokesDataset
from workloads.surrogates.datasets.pairs import PairsDescription
from workloads.surrogates.datasets.variables import MatlabWriter, open_variable

FIELDS = np.random.default_rng(1).normal(size=(5, 9, 9)).astype(np.float32)
SETTINGS: dict[str, Any] = {
    "source": "real", "version": "piececonst_r421", "split": "test", "preset": "tiny", "seed": 1, "grid": 5,
    "evaluation_grids": [9], "solver_grid": 9, "samples": 5, "evaluation_samples": 5,
}  # fmt: skip


def write_new(path: Path, **arrays: Any) -> None:
    """MATLAB's form 7.3."""
    with MatlabWriter(path, {name: each.shape for name, each in arrays.items()}, {}) as writer:
        writer.write(0, arrays)


def write_published(folder: Path, **arrays: Any) -> None:
    for name in MATLAB.values():
        savemat(folder / name, arrays)


def test_all_forms_of_files_give_the_same_fields(tmp_path: Path) -> None:
    savemat(tmp_path / "old.mat", {"u": FIELDS})
    write_new(tmp_path / "new.mat", u=FIELDS)
    torch.save({"u": torch.from_numpy(FIELDS)}, tmp_path / "file.pt")
    for name in ("old.mat", "new.mat", "file.pt"):
        found = open_variable(tmp_path / name, "u", 3)
        assert found.shape == FIELDS.shape
        np.testing.assert_array_equal(found.rows(1, 3), FIELDS[1:3])
    with (tmp_path / "new.mat").open("rb") as file:
        assert file.read(6) == b"MATLAB"
    with h5py.File(tmp_path / "new.mat") as stored:
        assert stored["u"].shape == FIELDS.shape[::-1]


class Harmful:
    """What a pickle may run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harmed"),))


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"other": FIELDS}, "has no array 'coeff'"),
        ({"coeff": FIELDS.astype(np.complex64), "sol": FIELDS}, "holds complex64; expected one array of real"),
        ({"coeff": np.array([FIELDS[0], FIELDS[1, :3]], dtype=object), "sol": FIELDS}, "holds object"),
        ({"coeff": FIELDS[0], "sol": FIELDS}, r"has shape \(9, 9\); expected 3 dimensions"),
        ({"coeff": FIELDS, "sol": np.where(FIELDS > 2, np.nan, FIELDS)}, "'sol' has values that are not finite"),
        ({"coeff": FIELDS, "sol": FIELDS[:, :5, :5]}, "the same for inputs and targets"),
        ({"coeff": FIELDS, "sol": FIELDS[:4]}, "'coeff' has 5 samples, 'sol' has 4"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, arrays: dict[str, Any], words: str) -> None:
    write_published(tmp_path, **arrays)
    with pytest.raises(DatasetError, match=words):
        DarcyDataset(SETTINGS).check_published(tmp_path)


KINDS: list[tuple[type[FieldsDataset], str, str]] = [
    (DarcyDataset, "neuraloperator", "darcy"),
    (BurgersDataset, "neuraloperator", "burgers"),
    (NavierStokesDataset, "nsforcing", "nsforcing"),
]


@pytest.mark.parametrize(("kind", "version", "stem"), KINDS)
def test_of_neuraloperators_files_every_grid_is_a_part_of_the_finest_one(
    tmp_path: Path, kind: type[FieldsDataset], version: str, stem: str
) -> None:
    settings = {**SETTINGS, "version": version, "grid": 4, "evaluation_grids": [8], "given": 10, "seconds": 50}
    fine = FIELDS[:, :8, :8] if kind.AXES == 2 else FIELDS[:, 0, :8]
    coarse = fine[:, ::2, ::2] if kind.AXES == 2 else fine[:, ::2]
    for name, fields in (("train_4", coarse), ("test_8", fine)):
        # Of Burgers' equation all times are there, the first of which is the input.
        answers = np.stack((fields, 2 * fields), 1) if kind.AXES == 1 else 2 * fields
        told = {"x": torch.from_numpy(fields.copy()), "y": torch.from_numpy(answers), "visc": torch.ones(1, 1)}
        torch.save(told, tmp_path / f"{stem}_{name}.pt")
    kind(settings).convert(tmp_path, tmp_path / "data")
    found = {part: ConsolidatedSet(tmp_path / "data", part).read(np.arange(5)) for part in ("training", "evaluation")}
    for values in (found["training"], found["evaluation"]):
        np.testing.assert_array_equal(values["input"][:, 0], coarse)
        np.testing.assert_array_equal(values["target"][:, 0], 2 * coarse)
    np.testing.assert_array_equal(found["evaluation"]["target_8"][:, 0], 2 * fine)
    facts = read_description_of(tmp_path / "data", PairsDescription)
    assert (facts["both_ends"], facts["rolls"]) == (False, 0)


def test_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"x": Harmful()}, tmp_path / "darcy_train_5.pt")
    with pytest.raises(DatasetError, match=r"darcy_train_5\.pt has no array 'x' that can be read"):
        DarcyDataset({**SETTINGS, "version": "neuraloperator"}).check_published(tmp_path)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(("samples", "shared"), [(5, False), (6, True)])
def test_samples_of_one_file_are_not_trained_on_and_judged(samples: int, shared: bool, tmp_path: Path) -> None:
    both = np.tile(FIELDS[:, 0], (2, 1))
    write_new(tmp_path / "burgers_data_R10.mat", a=both, u=both)
    taken = {"version": "burgers_R10", "grid": 9, "evaluation_grids": [], "samples": samples}
    dataset = BurgersDataset({**SETTINGS, **taken})
    if shared:
        with pytest.raises(DatasetError, match=r"has 10 samples; .* is 11, .* trained on and judged; take fewer"):
            dataset.check_published(tmp_path)
        dataset = BurgersDataset({**SETTINGS, **taken, "split": "validation"})
        assert dataset.check_published(tmp_path) == {"training_samples": 5, "evaluation_samples": 1}
    else:
        assert dataset.check_published(tmp_path) == {"training_samples": 5, "evaluation_samples": 5}


def test_a_grid_that_is_no_part_of_the_finest_one_is_refused_with_those_that_are(tmp_path: Path) -> None:
    write_published(tmp_path, coeff=FIELDS, sol=FIELDS)
    dataset = DarcyDataset({**SETTINGS, "grid": 4, "evaluation_grids": []})
    with pytest.raises(DatasetError, match=r"has 4, which is no part of a grid of 9; there are 9"):
        dataset.convert(tmp_path, tmp_path / "data")
    assert DarcyDataset(SETTINGS).check_published(tmp_path) == {"training_samples": 5, "evaluation_samples": 5}


def test_parts_grids_and_units_are_those_that_the_description_states(tmp_path: Path) -> None:
    write_published(tmp_path, coeff=FIELDS, sol=2 * FIELDS)
    dataset = DarcyDataset({**SETTINGS, "split": "validation"})
    dataset.convert(tmp_path, tmp_path / "data")
    training = ConsolidatedSet(tmp_path / "data", "training")
    evaluation = ConsolidatedSet(tmp_path / "data", "evaluation")
    # Every second point of 9 along both axes; the last of five samples is kept apart.
    np.testing.assert_array_equal(training.read(np.arange(4))["target"][:, 0], 2 * FIELDS[:4, ::2, ::2])
    np.testing.assert_array_equal(evaluation.read(np.arange(1))["input_9"][:, 0], FIELDS[4:])
    facts = read_description_of(tmp_path / "data", PairsDescription)
    assert facts["made"] == "published" and facts["input_shape"] == [1, 5, 5]
    assert facts["means"][1] == pytest.approx(2 * FIELDS[:4, ::2, ::2].mean(), rel=1e-5)
    assert facts["deviations"][0] == pytest.approx(FIELDS[:4, ::2, ::2].std(), rel=1e-5)
