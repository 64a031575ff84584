"""The solvers of surrogates: order of convergence, what is conserved, analytic cases, what they refuse."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from workloads.surrogates.solvers.burgers import Burgers, draw_initial
from workloads.surrogates.solvers.darcy import draw_coefficient, solve_darcy
from workloads.surrogates.solvers.errors import SolverError
from workloads.surrogates.solvers.navier_stokes import NavierStokes, draw_vorticity, published_force
from workloads.surrogates.solvers.random_fields import draw_neumann_field, draw_periodic_field

Floats = NDArray[np.float64]


def order_of(error_at: Callable[[int], float], coarse: int) -> float:
    """By how many powers of 2 twice the resolution lessens the error."""
    return float(np.log2(error_at(coarse) / error_at(2 * coarse)))


def random_numbers() -> np.random.Generator:
    return np.random.default_rng(1)


def test_a_periodic_field_has_the_variance_of_its_covariance_and_no_mean() -> None:
    fields = np.stack(
        [draw_periodic_field((32,), 25.0, 5.0, 2.0, random) for random in map(np.random.default_rng, range(2000))]
    )
    waves = np.arange(1, 17)
    # Each wave number but the highest stands for two eigenfunctions.
    eigenvalues = 625.0 * (4 * np.pi**2 * waves**2 + 25) ** -2.0
    expected = 2 * eigenvalues[:-1].sum() + eigenvalues[-1]
    assert fields.var() == pytest.approx(expected, rel=0.05)
    np.testing.assert_allclose(fields.mean(1), 0, atol=1e-12)
    power = (np.abs(np.fft.rfft(fields, norm="forward")) ** 2).mean(0)
    np.testing.assert_allclose(power[1:4], eigenvalues[:3], rtol=0.1)


def test_a_neumann_field_is_a_sum_of_cosines_with_the_eigenvalues_of_its_covariance() -> None:
    points = 9
    x = np.arange(points) / (points - 1)
    normal, found = random_numbers(), draw_neumann_field(points, 3.0, 2.0, random_numbers())
    coefficients = normal.standard_normal((points, points))
    expected = np.zeros((points, points))
    for row, column in np.ndindex(points, points):
        if row or column:
            norm = (2**0.5 if row else 1) * (2**0.5 if column else 1)
            wave = norm * np.outer(np.cos(np.pi * row * x), np.cos(np.pi * column * x))
            expected += coefficients[row, column] / (np.pi**2 * (row**2 + column**2) + 9) * wave
    np.testing.assert_allclose(found, expected, atol=1e-12)


def darcy_error(points: int) -> float:
    """Of a smooth pressure in a smooth rock."""
    x, y = np.meshgrid(*[np.linspace(0, 1, points)] * 2, indexing="ij")
    pressure, rock = np.sin(np.pi * x) * np.sin(2 * np.pi * y), 1 + x + y**2
    along = np.pi * np.cos(np.pi * x) * np.sin(2 * np.pi * y)
    across = 2 * np.pi * np.sin(np.pi * x) * np.cos(2 * np.pi * y)
    source = -(along + 2 * y * across - 5 * np.pi**2 * rock * pressure)
    return float(np.abs(solve_darcy(rock, source) - pressure).max())


def test_darcy_converges_by_the_second_order_to_an_analytic_pressure() -> None:
    assert order_of(lambda intervals: darcy_error(intervals + 1), 16) == pytest.approx(2, abs=0.05)


def test_darcy_finds_what_elimination_finds() -> None:
    rock = draw_coefficient(17, random_numbers())
    assert set(np.unique(rock)) == {3.0, 12.0}
    inner = 15
    matrix = sparse.lil_matrix((inner**2, inner**2))
    for row, column in np.ndindex(inner, inner):
        place = row * inner + column
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            between = (rock[row + 1, column + 1] + rock[row + 1 + down, column + 1 + right]) / 2
            matrix[place, place] += between
            if 0 <= row + down < inner and 0 <= column + right < inner:
                matrix[place, place + down * inner + right] = -between
    expected = spsolve(matrix.tocsr(), np.full(inner**2, 1 / 16**2)).reshape(inner, inner)
    both = solve_darcy(np.stack((rock, np.full_like(rock, 5.0))))
    np.testing.assert_allclose(both[0, 1:-1, 1:-1], expected, rtol=1e-7)
    assert (both[:, 0] == 0).all() and (both[:, :, -1] == 0).all()


def test_all_water_that_comes_in_flows_out_across_the_edges() -> None:
    points = 33
    rock = draw_coefficient(points, random_numbers())
    pressure = solve_darcy(rock)
    between = [(rock[0] + rock[1]) / 2 * pressure[1], (rock[-1] + rock[-2]) / 2 * pressure[-2]]
    between += [(rock[:, 0] + rock[:, 1]) / 2 * pressure[:, 1], (rock[:, -1] + rock[:, -2]) / 2 * pressure[:, -2]]
    flows = sum(edge[1:-1].sum() for edge in between)
    assert flows == pytest.approx((points - 2) ** 2 / (points - 1) ** 2, rel=1e-7)


@pytest.mark.parametrize(
    ("rock", "words"),
    [(np.zeros((5, 5)), "not positive"), (np.full((5, 5), np.nan), "not positive"), (np.ones((5, 4)), "squares")],
)
def test_darcy_refuses_what_no_law_describes(rock: Floats, words: str) -> None:
    with pytest.raises(SolverError, match=words):
        solve_darcy(rock)


def cole_hopf(viscosity: float, seconds: float, points: int) -> tuple[Floats, Floats]:
    """An exact solution of Burgers' equation, at the beginning and later: -2 viscosity (log h)_x, where h conducts
    heat.
    """
    x = np.arange(points) / points
    wave = 2 * np.pi

    def velocity(time: float) -> Floats:
        heat = np.exp(-viscosity * wave**2 * time)
        found: Floats = 2 * viscosity * 0.9 * heat * wave * np.sin(wave * x) / (1 + 0.9 * heat * np.cos(wave * x))
        return found

    return velocity(0.0), velocity(seconds)


def test_burgers_is_exact_where_cole_and_hopf_have_a_solution() -> None:
    before, after = cole_hopf(0.02, 1.0, 256)
    np.testing.assert_allclose(Burgers(256, 0.02, 0.01).advance(before, 1.0), after, atol=1e-8)


def test_burgers_converges_by_the_fourth_order_and_keeps_its_mean() -> None:
    before, after = cole_hopf(0.02, 1.0, 64)
    found = {steps: Burgers(64, 0.02, 1 / steps).advance(before + 0.5, 1.0) for steps in (32, 64, 512)}
    order = order_of(lambda steps: float(np.abs(found[steps] - found[512]).max()), 32)
    assert order == pytest.approx(4, abs=0.4)
    assert found[32].mean() == pytest.approx(0.5, abs=1e-14) and np.abs(after).max() < np.abs(before).max()


def test_burgers_loses_energy_and_takes_a_batch_at_once() -> None:
    before = np.stack([draw_initial(128, np.random.default_rng(seed)) for seed in (1, 2)])
    solver = Burgers(128, 0.1, 0.01)
    after = solver.advance(before, 0.5)
    assert ((after**2).mean(1) < (before**2).mean(1)).all()
    np.testing.assert_allclose(after[1], solver.advance(before[1], 0.5), atol=1e-14)


def test_a_step_that_is_unstable_is_refused_with_the_bound() -> None:
    velocity = draw_initial(256, random_numbers())
    solver = Burgers(256, 0.001, 0.1)
    bound = solver.longest_step(float(np.abs(velocity).max()))
    with pytest.raises(SolverError, match=rf"step is 0\.1 s; .* must be {bound:.3g} s or less"):
        solver.advance(velocity, 1.0)
    within = Burgers(256, 0.001, 1 / np.ceil(1 / bound))
    assert np.abs(within.advance(velocity, 1.0)).max() < np.abs(velocity).max()
    vorticity = 100 * draw_vorticity(32, random_numbers())
    flow = NavierStokes(32, 1e-4, 1.0)
    with pytest.raises(SolverError, match=rf"must be {flow.longest_step(vorticity):.3g} s or less"):
        flow.advance(vorticity, 1.0)
    with pytest.raises(SolverError, match="whole number of steps"):
        Burgers(64, 0.1, 0.3).advance(np.zeros(64), 1.0)


@pytest.mark.parametrize("viscosity", [0.0, -0.1, float("nan")])
@pytest.mark.parametrize("solver", [Burgers, NavierStokes])
def test_no_solver_does_without_friction(solver: type[Burgers] | type[NavierStokes], viscosity: float) -> None:
    with pytest.raises(SolverError, match=r"viscosity is .*; expected more than 0"):
        solver(32, viscosity, 0.01)


def taylor_green(viscosity: float, seconds: float, points: int) -> Floats:
    """The vorticity of eddies that only fade."""
    x = 2 * np.pi * np.arange(points) / points
    faded: Floats = np.exp(-8 * np.pi**2 * viscosity * seconds) * np.cos(x)[:, None] * np.cos(x)
    return faded


def test_eddies_of_taylor_and_green_fade_as_they_must() -> None:
    found = NavierStokes(16, 0.01, 0.01).advance(taylor_green(0.01, 0, 16), 1.0)
    np.testing.assert_allclose(found, taylor_green(0.01, 1, 16), atol=1e-5)


def test_a_flow_converges_by_the_second_order_and_keeps_its_mean() -> None:
    before = 20 * draw_vorticity(32, random_numbers())
    force = published_force(32)
    found = {steps: NavierStokes(32, 0.01, 1 / steps).advance(before, 1.0, force) for steps in (20, 40, 320)}
    assert order_of(lambda steps: float(np.abs(found[steps] - found[320]).max()), 20) == pytest.approx(2, abs=0.3)
    assert found[20].mean() == pytest.approx(0, abs=1e-12)


def test_a_flow_without_force_keeps_its_energy_but_for_friction() -> None:
    before = 20 * draw_vorticity(32, random_numbers())
    nearly_none = NavierStokes(32, 1e-8, 0.02)
    start = nearly_none.advance(before, 1e-9)
    assert float(nearly_none.energy(nearly_none.advance(start, 1.0))) == pytest.approx(
        float(nearly_none.energy(start)), rel=1e-4
    )
    assert float(NavierStokes(32, 0.01, 0.02).energy(nearly_none.advance(start, 1.0))) > 0
