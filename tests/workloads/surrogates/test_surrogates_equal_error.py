"""Solvers made coarse, and what a surrogate's speed is worth beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cells import Cell, Prepared
from scipy import fft

from workloads.surrogates import equal_error
from workloads.surrogates.coarse import COARSE, Effort, on_points
from workloads.surrogates.datasets.pairs import CHUNK, PairsDataset
from workloads.surrogates.equal_error import Comparison, Price, compare, least_effort, limited_to, price
from workloads.surrogates.methods.fno import Fno
from workloads.surrogates.scores import relative_l2
from workloads.surrogates.solvers.burgers import Burgers, draw_initial
from workloads.surrogates.solvers.darcy import draw_coefficient, solve_darcy
from workloads.surrogates.solvers.navier_stokes import NavierStokes, draw_vorticity, published_force
from workloads.surrogates.solvers.random_fields import Floats


def finest_pairs(name: str) -> tuple[Mapping[str, Any], bool, int, Floats, Floats]:
    """A data set's settings, whether it is periodic, its axes, and pairs on the finest grid."""
    random = np.random.default_rng(1)
    if name == "darcy":
        rocks = np.stack([draw_coefficient(33, random) for _ in range(2)])
        return {}, False, 2, rocks[:, None], solve_darcy(rocks)[:, None, ::2, ::2]
    if name == "burgers":
        before = np.stack([draw_initial(128, random) for _ in range(2)])
        after = Burgers(128, 0.1, 0.01).advance(before, 1.0)
        return {"viscosity": 0.1}, True, 1, before[:, None], after[:, None, ::4]
    vorticity = draw_vorticity(32, random)[None]
    frames = [vorticity]
    for _ in range(2):
        frames.append(NavierStokes(32, 0.001, 0.05).advance(frames[-1], 1.0, published_force(32)))
    told = {"viscosity": 0.001, "given": 1, "seconds": 3}
    return told, True, 2, np.stack(frames[:1], 1), np.stack(frames[1:], 1)[..., ::2, ::2]


@pytest.mark.parametrize("name", list(COARSE))
def test_a_coarse_solver_nears_the_truth_the_more_it_does_and_reaches_it(name: str) -> None:
    settings, periodic, axes, inputs, truth = finest_pairs(name)
    solver = COARSE[name](settings, periodic, axes)
    efforts = list(solver.efforts(inputs.shape[-1]))
    made = [solver.solve(inputs, effort, truth.shape[-1]) for effort in (efforts[0], efforts[-1])]
    errors = [float(relative_l2(torch.from_numpy(found), torch.from_numpy(truth)).mean()) for found in made]
    assert made[0].shape == truth.shape
    assert errors[1] < 1e-3 and errors[1] < errors[0] / 10
    chosen, error = least_effort(solver, inputs, truth, errors[0])
    assert chosen == efforts[0] and error == errors[0]
    assert least_effort(solver, inputs, truth, -1.0) == (None, None)
    some, between = least_effort(solver, inputs, truth, (errors[0] * max(errors[1], 1e-6)) ** 0.5)
    assert some not in (None, efforts[0]) and between is not None and between < errors[0]


@pytest.mark.parametrize("periodic", [True, False])
def test_a_smooth_function_is_the_same_on_every_grid(periodic: bool) -> None:
    def wave(points: int) -> Floats:
        x = np.linspace(0, 1, points, endpoint=not periodic)
        found: Floats = np.cos(2 * np.pi * x)[:, None] * np.cos(2 * np.pi * x)
        return found

    np.testing.assert_allclose(
        on_points(wave(40)[None], 13, periodic, 2)[0], wave(13), atol=1e-12 if periodic else 1e-3
    )


def test_each_sample_has_the_price_of_its_batch() -> None:
    now = [0.0]

    def answer(count: int) -> None:
        # A call costs a second, and a sample another; the clock moves by no more.
        now[0] += 1.0 + count

    found = price(answer, 16, lambda: now[0])
    assert found == Price(single_s=2.0, batch_s=17 / 16, batch=16)


def test_data_are_priced_by_simulating_them_as_they_were_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared, clock, asked = Prepared.of(Cell("surrogates", "burgers", "fno"), tmp_path), [0.0], set[int]()
    task = Fno(prepared.spec.settings, prepared.folder)
    assert isinstance(prepared.dataset, PairsDataset)

    def simulate(random: np.random.Generator, count: int) -> dict[str, Floats]:
        asked.add(count)
        clock[0] += 1.0 + count
        return {}

    monkeypatch.setattr(prepared.dataset, "simulate", simulate)
    monkeypatch.setattr(equal_error, "LEAST_S", 0.0)
    found = compare(task, task.build_model(), prepared.dataset, 4, lambda: clock[0])
    # Nothing else moves the clock.
    assert asked == {1, CHUNK} and found.data == Price(2.0, (1 + CHUNK) / CHUNK, CHUNK)
    assert found.finest == Price(0.0, 0.0, 1)


def test_threads_are_the_surrogates_and_the_solvers() -> None:
    before = torch.get_num_threads()
    try:
        with limited_to(2):
            assert torch.get_num_threads() == 2 and fft.get_workers() == 2
    finally:
        torch.set_num_threads(before)


def test_speed_up_is_of_the_solver_that_is_as_wrong_and_break_even_counts_data_and_training() -> None:
    surrogate, coarse, finest, data = (
        Price(0.01, 0.001, 64),
        Price(0.02, 0.003, 64),
        Price(1.0, 0.5, 4),
        Price(9, 7, 16),
    )
    found = Comparison(0.03, surrogate, Effort(9), 0.02, coarse, finest, data)
    assert found.speed_up == pytest.approx({"single": 2, "best_batch": 3})
    assert found.break_even(samples=100, training_s=50) == pytest.approx((100 * 7 + 50) / 0.002)
    slower = Comparison(0.03, coarse, Effort(9), 0.02, surrogate, finest, data)
    assert slower.break_even(100, 50) is None
    never = Comparison(1e-9, surrogate, None, None, None, finest, data)
    assert never.speed_up is None and never.break_even(100, 50) is None
