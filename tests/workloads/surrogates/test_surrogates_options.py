"""Options of surrogates that cannot be: refused before anything is made or submitted."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.config.compose import compose_all
from orchestrator.errors import UsageError
from workloads.surrogates import config
from workloads.surrogates.datasets import burgers_config, navier_stokes_config
from workloads.surrogates.methods import fno_config, unet_config

DATA: dict[str, Any] = {
    "source": "stand-in", "version": "simulated-1", "versions": {}, "split": "test", "preset": "tiny", "seed": 1,
    "samples": 4, "evaluation_samples": 2, "grid": 16, "evaluation_grids": [31], "solver_grid": 61,
}  # fmt: skip
FLOW: dict[str, Any] = {
    **DATA, "evaluation_grids": [32], "solver_grid": 64, "viscosity": 0.1, "time_step": 0.1, "amplitude": 1.0,
    "given": 2, "seconds": 4,
}  # fmt: skip
GAS = {key: value for key, value in FLOW.items() if key not in ("amplitude", "given", "seconds")}
FNO: dict[str, Any] = {
    "loss": "relative_l2", "modes": 8, "rows": 16, "width": 4, "layers": 1, "lifting": 0, "projection": 0,
    "channel_mlp": 0, "padding": 0.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("options", "settings", "words"),
    [
        (burgers_config.DatasetOptions, {**GAS, "viscosity": 0.0}, r"viscosity is 0\.0; expected more than 0"),
        (navier_stokes_config.DatasetOptions, {**FLOW, "viscosity": -0.1}, r"viscosity is -0\.1; expected more than 0"),
        (navier_stokes_config.DatasetOptions, {**FLOW, "viscosity": float("nan")}, "viscosity is nan; expected"),
        (burgers_config.DatasetOptions, {**GAS, "time_step": 0.0}, r"time_step is 0\.0; expected more than 0"),
        (navier_stokes_config.DatasetOptions, {**FLOW, "seconds": 2}, "seconds is 2; expected 3 or more"),
        (navier_stokes_config.DatasetOptions, {**FLOW, "grid": 24}, "grid has 24, which is no part of solver_grid, 64"),
        (config.DatasetOptions, {**DATA, "evaluation_grids": [32]}, "grids has 32.* a divisor of 60 and 1 more"),
        (config.DatasetOptions, {**DATA, "evaluation_grids": [121]}, "solver_grid is 61; expected 121 or more"),
    ],
)  # fmt: skip
def test_data_that_cannot_be_made_are_refused(options: Any, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        options(**settings)


def test_a_model_is_refused_where_it_cannot_take_a_grid_that_it_is_to_be_judged_on() -> None:
    rocks, gas = config.DatasetOptions(**DATA), burgers_config.DatasetOptions(**GAS)
    fno_config.Model(**FNO).check_dataset(rocks)
    with pytest.raises(ValueError, match=r"modes asks for 20 points along each axis.* has 16; take fewer"):
        fno_config.Model(**{**FNO, "modes": 11}).check_dataset(rocks)
    with pytest.raises(ValueError, match="rows asks for 18 points"):
        fno_config.Model(**{**FNO, "rows": 18}).check_dataset(rocks)
    # What is padded holds more; on a line there are no rows.
    fno_config.Model(**{**FNO, "rows": 18, "padding": 0.2}).check_dataset(rocks)
    fno_config.Model(**{**FNO, "rows": 18}).check_dataset(gas)
    unet_config.Model("h1", width=2, depth=4).check_dataset(rocks)
    with pytest.raises(ValueError, match=r"depth is 5, and a grid of 16 points .* expected 4 or less"):
        unet_config.Model("h1", width=2, depth=5).check_dataset(rocks)


def test_it_is_refused_on_the_command_line() -> None:
    words = ["benchmark=surrogates", "dataset=darcy", "method=unet", "recipe=small", "benchmark.model.depth=5"]
    with pytest.raises(UsageError, match=r"benchmark\.model\.depth is 5, and a grid of 16 points"):
        compose_all(words, False)


def test_a_network_of_fields_given_molecules_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match=r"takes dataset=burgers.*, not dataset=molecules, which method=schnet takes"):
        compose_all(["benchmark=surrogates", "dataset=molecules", "method=fno"], False)
