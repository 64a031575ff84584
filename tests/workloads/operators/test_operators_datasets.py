"""What operators refuse: settings that make no sense, and files of others that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.io import savemat

from orchestrator.config.compose import compose_all
from orchestrator.errors import UsageError
from workloads.operators import config
from workloads.operators.datasets import burgers_config, diffusion_reaction_config, plate_config, stokes_config
from workloads.operators.datasets.base import OperatorDataset
from workloads.operators.datasets.burgers import BurgersDataset
from workloads.operators.datasets.diffusion_reaction import DiffusionReactionDataset
from workloads.operators.datasets.kdv import KdvDataset
from workloads.operators.datasets.plate import PlateDataset
from workloads.operators.datasets.stokes import StokesDataset
from workloads.operators.methods import pinn_config
from workloads.operators.problems.spaces import Values
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import ConsolidatedSet

COMMON: dict[str, Any] = {
    "source": "real", "version": "1", "versions": {}, "split": "functions", "preset": "tiny", "seed": 1, "functions": 3,
    "evaluation_functions": 2, "grid": [6, 7], "points": 5,
}  # fmt: skip
PLATE = {**COMMON, "rigidity": 0.01, "modes": 2}
BURGERS = {**COMMON, "boundary_points": 4, "viscosity": 0.1, "nodes": 12, "waves": 5, "resolution": 24}
STOKES = {
    **COMMON, "grid": [6, 6], "boundary_points": 16, "viscosity": 1.0, "length_scale": 0.2, "nodes": 9, "sensors": 5
}  # fmt: skip
REACTION = {**STOKES, "initial_points": 4, "diffusion": 0.1, "reaction": 0.1}
del REACTION["viscosity"]


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (burgers_config.DatasetOptions, {**BURGERS, "viscosity": 0.0}, "viscosity is 0.0; expected a number above 0"),
        (burgers_config.DatasetOptions, {**BURGERS, "viscosity": -1.0}, "viscosity is -1.0; expected"),
        (burgers_config.DatasetOptions, {**BURGERS, "waves": 6}, "waves is 6; 12 nodes have 1 to 5"),
        (stokes_config.DatasetOptions, {**STOKES, "viscosity": 0.0}, "viscosity is 0.0; expected a number above 0"),
        (stokes_config.DatasetOptions, {**STOKES, "viscosity": float("inf")}, "viscosity is inf; expected a number"),
        (diffusion_reaction_config.DatasetOptions, {**REACTION, "diffusion": -0.1}, "diffusion is -0.1; expected"),
        (
            burgers_config.DatasetOptions,
            {**BURGERS, "source": "stand-in", "resolution": 20},
            "resolution is 20; expected a multiple of the grid's 6 points",
        ),
        (stokes_config.DatasetOptions, {**STOKES, "grid": [6, 7]}, "grid is .*; the cavity's has as many points"),
        (plate_config.DatasetOptions, {**PLATE, "grid": [20]}, "grid is .*; expected two numbers of points"),
        (plate_config.DatasetOptions, {**PLATE, "modes": 0}, "modes is 0; expected 1 at least"),
        (plate_config.DatasetOptions, {**PLATE, "functions": 0}, "functions is 0; expected a number above 0"),
        (diffusion_reaction_config.DatasetOptions, {**REACTION, "reaction": float("nan")}, "reaction is nan"),
        (diffusion_reaction_config.DatasetOptions, {**REACTION, "length_scale": 0.0}, "length_scale is 0.0"),
        (
            config.Model,
            {"widths": [], "condition_weight": 1.0, "hard_conditions": False},
            "widths is .*; each layer needs one unit at least",
        ),
        (
            config.Model,
            {"widths": [8], "condition_weight": -1.0, "hard_conditions": False},
            "condition_weight is -1.0; expected a number above 0",
        ),
        (
            pinn_config.Model,
            {"widths": [8], "condition_weight": 1.0, "hard_conditions": False, "tiles": 0},
            "tiles is 0; expected 1 at least",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(kind: type[Any], settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**settings)


def test_they_are_refused_before_anything_is_submitted() -> None:
    with pytest.raises(UsageError, match=r"benchmark\.dataset\.viscosity.* expected a number above 0"):
        compose_all(["benchmark=operators", "dataset=burgers", "benchmark.dataset.viscosity=0"], False)


def test_what_cannot_be_solved_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    settings = {**REACTION, "source": "stand-in", "reaction": 1e5}
    with pytest.raises(DatasetError, match="diffusion_reaction cannot be solved: the reaction is too fast"):
        DiffusionReactionDataset(settings).synthesise(tmp_path / "made", lambda done, total: None, 1)
    assert list(tmp_path.iterdir()) == []


def rows_of_unequal_length() -> NDArray[Any]:
    """Five rows, each longer than the last."""
    rows = np.empty(5, dtype=h5py.vlen_dtype(np.float64))
    rows[:] = [np.ones(count) for count in range(1, 6)]
    return rows


def write_plate(path: Path, **changed: Any) -> None:
    """A published file of five plates, with arrays that are otherwise."""
    dataset = PlateDataset(PLATE)
    functions = dataset.problem.space.draw(5, np.random.default_rng(1))
    axes = dataset.problem.axes(dataset.grid)
    arrays = {"functions": functions, "solutions": dataset.problem.solve(functions, axes), "x": axes[0], "y": axes[1]}
    with h5py.File(path / "plate.h5", "w") as file:
        for name, values in {**arrays, **changed}.items():
            file[name] = values


def test_a_file_of_others_is_read_and_its_last_functions_are_those_of_the_evaluation(tmp_path: Path) -> None:
    write_plate(tmp_path)
    dataset = PlateDataset(PLATE)
    assert dataset.check_published(tmp_path) == {"functions": 5}
    dataset.convert(tmp_path, tmp_path / "made")
    told = dataset.verify(tmp_path / "made", thorough=True)
    assert (told["set"], told["source"], told["evaluation_samples"]) == ("plate", "real", 2)
    with h5py.File(tmp_path / "plate.h5") as file:
        functions = file["functions"][()].astype(np.float32)
    found = [ConsolidatedSet(tmp_path / "made", part) for part in ("training", "evaluation")]
    np.testing.assert_array_equal(found[0].read(np.arange(3))["function"], functions[:3])
    np.testing.assert_array_equal(found[1].read(np.arange(2))["function"], functions[3:])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"solutions": np.full((5, 1, 6, 7), np.nan)}, "'solutions' has 210 values that are not finite"),
        ({"functions": np.full((5, 4), np.inf)}, "'functions' has 20 values that are not finite"),
        ({"x": np.array([0, 0.2, np.nan, 0.6, 0.8, 1])}, "'x' has 1 values that are not finite"),
        ({"functions": np.ones((5, 4), np.complex128)}, "'functions' holds complex numbers; expected real numbers"),
        ({"functions": rows_of_unequal_length()}, "'functions' holds object, perhaps rows of unequal length"),
        ({"functions": np.ones((5, 3))}, r"'functions' has shape \(5, 3\); expected \(5, 4\)"),
        ({"x": np.linspace(0, 1.5, 6)}, "'x' runs from 0 to 1.5, out of the domain from 0 to 1"),
        ({"y": np.linspace(1, 0, 7)}, "'y' has to be one row of rising coordinates"),
        ({"y": np.linspace(0, 1, 8)}, r"'solutions' has shape \(5, 1, 6, 7\); expected \(5, 1, 6, 8\)"),
        (
            {"x": np.linspace(0, 1, 5), "solutions": np.ones((5, 1, 5, 7))},
            r"its grid is \(5, 7\); set benchmark.dataset.grid to that",
        ),
        (
            {"functions": np.ones((4, 4)), "solutions": np.ones((4, 1, 6, 7))},
            "has 4 functions, and 5 are asked for",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_the_name_of_its_array(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    write_plate(tmp_path, **changed)
    with pytest.raises(DatasetError, match=message):
        PlateDataset(PLATE).convert(tmp_path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_file_that_lacks_an_array_or_is_none_is_refused(tmp_path: Path) -> None:
    dataset: OperatorDataset = PlateDataset(PLATE)
    with pytest.raises(DatasetError, match=r"plate.h5 is no whole file of functions and solutions"):
        dataset.check_published(tmp_path)
    (tmp_path / "burgers_pino.mat").write_bytes(b"nothing" * 30)
    with pytest.raises(DatasetError, match=r"burgers_pino.mat is no whole MATLAB file"):
        BurgersDataset(BURGERS).check_published(tmp_path)


def test_the_published_file_of_burgers_has_times_before_places(tmp_path: Path) -> None:
    dataset = BurgersDataset({**BURGERS, "grid": [12, 7]})
    output = solved(dataset)[1][:, 0].swapaxes(1, 2)
    savemat(tmp_path / "burgers_pino.mat", {"input": output[:, 0], "output": output})
    dataset.convert(tmp_path, tmp_path / "made")
    found = ConsolidatedSet(tmp_path / "made", "evaluation").read(np.arange(2))
    np.testing.assert_array_equal(found["solution"][:, 0], output[3:].astype(np.float32).swapaxes(1, 2))
    assert dataset.verify(tmp_path / "made", thorough=False)["set"] == "burgers"


def solved(dataset: OperatorDataset) -> tuple[Values, Values, list[Values]]:
    """Five functions of a data set, their solutions on its grid, and the grid's axes."""
    functions, axes = dataset.problem.space.draw(5, np.random.default_rng(1)), dataset.problem.axes(dataset.grid)
    return functions, dataset.problem.solve(functions, axes), axes


OTHERS: Mapping[str, tuple[type[OperatorDataset], dict[str, Any]]] = {
    "kdv": (KdvDataset, {**BURGERS, "grid": [24, 24], "dispersion": 0.01}),
    "plate": (PlateDataset, {**PLATE, "grid": [24, 24]}),
    "stokes": (StokesDataset, {**STOKES, "grid": [24, 24]}),
    "diffusion_reaction": (DiffusionReactionDataset, {**REACTION, "grid": [24, 24]}),
}
UNEVEN = np.array([0, 1, 3, 4, 7, 8, 11, 14, 15, 19, 22, 23])


def write_others(folder: Path, name: str, **changed: Any) -> OperatorDataset:
    """A file of five functions solved for on some lines of a grid, with settings that are otherwise; the data set that
    it is read as.
    """
    kind, settings = OTHERS[name]
    made = kind({**settings, **changed})
    functions, whole, axes = solved(made)
    solutions = whole[..., UNEVEN[:, None], UNEVEN]
    if name == "stokes":
        solutions[:, 2] += 3  # A pressure may have any constant.
    with h5py.File(folder / made.file, "w") as file:
        file["functions"], file["solutions"] = functions, solutions
        for coordinate, axis in zip(made.problem.COORDINATES, axes, strict=True):
            file[coordinate] = axis[UNEVEN]
    return kind({**settings, "grid": [len(UNEVEN), len(UNEVEN)]})


@pytest.mark.parametrize("name", OTHERS)
def test_solutions_of_the_same_problem_are_taken_at_any_points(name: str, tmp_path: Path) -> None:
    assert write_others(tmp_path, name).check_published(tmp_path) == {"functions": 5}


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("kdv", {"viscosity": 0.05}, r"is \d+% from that of kdv with dispersion=0.01, viscosity=0.1, "),
        ("kdv", {"dispersion": 0.03}, r"is \d+% from that of kdv with dispersion=0.01, viscosity=0.1, "),
        ("plate", {"rigidity": 0.02}, "is 50% from that of plate with rigidity=0.01, modes=2; set benchmark.dataset"),
        ("diffusion_reaction", {"diffusion": 0.2}, r"is \d+% from that of diffusion_reaction with diffusion=0.1, "),
    ],
)
def test_solutions_of_another_equation_are_refused_with_what_was_set(
    name: str, changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    dataset = write_others(tmp_path, name, **changed)
    with pytest.raises(DatasetError, match=message):
        dataset.convert(tmp_path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_a_reaction_of_the_other_sign_as_is_published_is_no_other_equation(tmp_path: Path) -> None:
    write_others(tmp_path, "diffusion_reaction", reaction=-0.01)
    kind, settings = OTHERS["diffusion_reaction"]
    dataset = kind({**settings, "reaction": 0.01, "grid": [len(UNEVEN), len(UNEVEN)]})
    assert dataset.check_published(tmp_path) == {"functions": 5}


def test_functions_that_waves_do_not_hold_are_refused(tmp_path: Path) -> None:
    dataset = write_others(tmp_path, "kdv")
    fewer = KdvDataset({**dataset.settings, "waves": 2})
    with pytest.raises(DatasetError, match=r"function 0 is by .*% no sum of the first 2 waves \(waves=2; .* up to 5\)"):
        fewer.check_published(tmp_path)
    with h5py.File(tmp_path / "kdv.h5", "a") as file:
        file["functions"][4] += 1
    with pytest.raises(DatasetError, match=r"function 4 is by .* whose mean is 0"):
        dataset.check_published(tmp_path)


def test_a_load_of_nothing_that_bends_a_plate_is_refused(tmp_path: Path) -> None:
    write_plate(tmp_path, functions=np.zeros((5, 4)))
    with pytest.raises(DatasetError, match="the solution of function 0 is inf% from that of plate"):
        PlateDataset(PLATE).check_published(tmp_path)
