"""The reference solutions of operators: analytic cases, orders of convergence, what cannot be solved."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from workloads.operators.derivatives import Derivatives, Terms, ZeroCoordinateShift
from workloads.operators.equations import EQUATIONS, plate
from workloads.operators.problems import PROBLEMS
from workloads.operators.problems.base import boundary_points, uniform_points
from workloads.operators.problems.diffusion_reaction import DiffusionReaction
from workloads.operators.problems.periodic import Burgers
from workloads.operators.problems.plate import Plate
from workloads.operators.problems.spaces import GaussianField, PeriodicField, SineSeries, Values
from workloads.operators.problems.stokes import Stokes
from workloads.operators.solvers.cavity import solve_cavity
from workloads.operators.solvers.periodic import settle, solve_periodic
from workloads.operators.solvers.reaction import solve_reaction


def half_wave(nodes: Values) -> Values:
    return np.sin(np.pi * nodes)[None]


def test_diffusion_alone_is_solved_to_second_order() -> None:
    x, t, rate = np.linspace(0, 1, 11), np.linspace(0, 1, 11), 0.1 * np.pi**2
    exact = (1 - np.exp(-rate * t)) / rate * np.sin(np.pi * x)[:, None]
    errors = [np.abs(solve_reaction(half_wave, x, t, 0.1, 0.0, finer)[0] - exact).max() for finer in (1, 2, 4)]
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05) and errors[1] / errors[2] == pytest.approx(4, rel=0.05)


def test_a_reaction_is_solved_to_second_order_and_has_the_sign_of_the_equation() -> None:
    x, t = np.linspace(0, 1, 6), np.linspace(0, 1, 6)
    finest = solve_reaction(half_wave, x, t, 0.01, 2.0, 32)
    errors = [np.abs(solve_reaction(half_wave, x, t, 0.01, 2.0, finer) - finest).max() for finer in (2, 4, 8)]
    assert 3.5 < errors[0] / errors[1] < 4.5 and 3.5 < errors[1] / errors[2] < 4.6
    # It is on the left side, so it takes away.
    assert (finest[..., 1:-1, 1:] < solve_reaction(half_wave, x, t, 0.01, 0.0, 32)[..., 1:-1, 1:]).all()


def test_the_sign_that_the_published_reference_has_is_half_a_percent_off() -> None:
    parameters = {"diffusion": 0.01, "reaction": 0.01, "length_scale": 0.2, "nodes": 101, "sensors": 50}
    problem = DiffusionReaction(parameters)
    other = DiffusionReaction({**parameters, "reaction": -0.01})
    functions, axes = problem.space.draw(20, np.random.default_rng(1)), problem.axes([10, 10])
    ours, theirs = problem.solve(functions, axes), other.solve(functions, axes)
    apart = np.sqrt(np.square(ours - theirs).sum((1, 2, 3)) / np.square(ours).sum((1, 2, 3)))
    assert 0.003 < apart.mean() < 0.007


def test_a_time_step_that_is_too_long_for_the_reaction_is_refused_with_the_bound() -> None:
    with pytest.raises(ValueError, match=r"has to be below .* take a finer grid in time or a smaller reaction"):
        solve_reaction(lambda nodes: 50 * half_wave(nodes), np.linspace(0, 1, 9), np.linspace(0, 1, 5), 0.01, 80.0, 1)


def test_gaussian_functions_have_their_covariance_and_are_smooth_between_nodes() -> None:
    space = GaussianField(0.2, 201)
    functions = space.draw(4000, np.random.default_rng(2))
    found = functions.T @ functions / len(functions)
    distance = space.nodes[:, None] - space.nodes
    assert np.abs(found - np.exp(-0.5 * (distance / 0.2) ** 2)).max() < 0.1
    between = np.linspace(0, 1, 57)
    finer = GaussianField(0.2, 401)
    waves = [np.sin(7 * each.nodes) @ each.basis(between) for each in (space, finer)]
    np.testing.assert_allclose(waves[0], np.sin(7 * between), atol=1e-6)
    np.testing.assert_allclose(waves[0], waves[1], atol=1e-6)


def cole_hopf(x: Values, t: Values, viscosity: float) -> Values:
    """A decaying wave of Burgers' equation, (x, t): -2 ν φ_x / φ of the heat φ = 1.5 + exp(-4 π² ν t) cos 2 π x."""
    decay, angle = np.exp(-4 * np.pi**2 * viscosity * t), 2 * np.pi * x[:, None]
    wave: Values = 4 * np.pi * viscosity * decay * np.sin(angle) / (1.5 + decay * np.cos(angle))
    return wave


def test_a_wave_wears_off_as_cole_and_hopf_have_it_and_to_fourth_order() -> None:
    x, t = np.arange(64) / 64, np.linspace(0, 1, 6)
    exact = cole_hopf(x, t, 0.05)
    errors = [
        np.abs(solve_periodic(exact[None, :, 0], lambda waves: 0.05 * waves**2, t, 64, steps)[0] - exact).max()
        for steps in (6, 12, None)
    ]
    assert 12 < errors[0] / errors[1] < 20 and errors[2] < 1e-6


def test_a_soliton_goes_round_and_nothing_of_it_is_lost() -> None:
    x, t, speed, dispersion = np.arange(128) / 128, np.linspace(0, 1, 5), 0.8, 0.001

    def soliton(time: float) -> Values:
        distance = (x - speed * time) % 1 - 0.5
        wave: Values = 3 * speed / np.cosh(np.sqrt(speed / (4 * dispersion)) * distance) ** 2
        return wave

    found = solve_periodic(soliton(0)[None], lambda waves: -dispersion * waves**3, t, 128)[0]
    np.testing.assert_allclose(found, np.stack([soliton(time) for time in t], axis=1), atol=2e-3)
    assert np.ptp(found.mean(0)) < 1e-12 and np.ptp(np.square(found).mean(0)) < 1e-5


def test_what_disperses_without_viscosity_is_as_exact_at_the_published_settings() -> None:
    initial, times = PeriodicField(128, 63).draw(2, np.random.default_rng(1)), np.linspace(0, 1, 101)[:11]

    def dispersion(waves: NDArray[np.complex128]) -> NDArray[np.complex128]:
        return -0.001 * waves**3

    exact = solve_periodic(initial, dispersion, times, 256, 400)
    found = solve_periodic(initial, dispersion, times, 256)
    apart = np.linalg.norm(found - exact, axis=(1, 2)) / np.linalg.norm(exact, axis=(1, 2))
    assert apart.max() < 1e-6


def test_steps_are_doubled_until_twice_as_many_agree() -> None:
    asked: list[int] = []

    def march(steps: int) -> Values:
        asked.append(steps)
        return np.full((2, 3, 4), np.nan) if steps < 6 else np.ones((2, 3, 4)) * (1 + steps**-4.0)

    # What 24 and 48 steps give is 3e-6 apart, what 48 and 96 do 2e-7.
    assert settle(march, 3)[0, 0, 0] == 1 + 48**-4.0
    assert asked == [3, 6, 12, 24, 48, 96]
    with pytest.raises(ValueError, match="steps from one time to the next still differ"):
        settle(lambda steps: np.ones((1, 2, 2)) * steps, 1)


class Sampled(Derivatives):
    """Derivatives of known fields (n, x, t) on a periodic grid of x: exact in x, by central differences in t."""

    def __init__(self, fields: Values, times: Values) -> None:
        self.fields, self.times = fields, times
        self.values = self.everywhere = [torch.from_numpy(fields)]

    def combine(self, terms: Terms) -> Tensor:
        waves = np.fft.rfftfreq(self.fields.shape[1], 1 / self.fields.shape[1])[:, None] * 2j * np.pi

        def derivative(order: tuple[int, ...]) -> Values:
            along = np.fft.irfft(np.fft.rfft(self.fields, axis=1) * waves ** order[0], self.fields.shape[1], axis=1)
            return np.gradient(along, self.times, axis=2) if order[1] else along

        return torch.from_numpy(sum(factor * derivative(order) for (_, order), factor in terms.items()))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("burgers", {"viscosity": 0.05}),
        ("kdv", {"dispersion": 0.01, "viscosity": 0.0}),
        ("kdv", {"dispersion": 0.002, "viscosity": 0.05}),
    ],
)
def test_the_reference_solves_the_equation_that_is_trained(name: str, parameters: dict[str, float]) -> None:
    settings = {**parameters, "nodes": 64, "waves": 2, "resolution": 128}
    problem = PROBLEMS[name](settings)
    times = np.linspace(0, 1, 1001)
    solutions = problem.solve(problem.space.draw(3, np.random.default_rng(1)), [np.arange(64) / 64, times])[:, 0]
    (missed,) = EQUATIONS[name](settings).residuals(Sampled(solutions, times), None)
    change = np.gradient(solutions, times, axis=2)
    assert missed[..., 1:-1].abs().max() < 0.01 * np.abs(change).max()


def test_steps_that_would_be_unstable_are_refused_with_how_many_are_not() -> None:
    initial = PeriodicField(64).draw(2, np.random.default_rng(1))
    with pytest.raises(ValueError, match=r"1 steps of 0.5 are unstable .* take (\d+) at least") as refused:
        solve_periodic(initial, lambda waves: 0.01 * waves**2, np.linspace(0, 1, 3), 64, 1)
    enough = int(str(refused.value).split("take ")[1].split()[0])
    found = solve_periodic(initial, lambda waves: 0.01 * waves**2, np.linspace(0, 1, 3), 64, enough)
    assert np.abs(found).max() < 2 * np.abs(initial).max()


def test_initial_values_have_their_covariance_and_are_waves_between_nodes() -> None:
    space = PeriodicField(32)
    functions = space.draw(4000, np.random.default_rng(2))
    waves = np.arange(1, 16)
    variance = (2 * 625 / ((2 * np.pi * waves) ** 2 + 25) ** 2).sum()
    assert functions.mean(1) == pytest.approx(0, abs=1e-12) and functions.var() == pytest.approx(variance, rel=0.05)
    np.testing.assert_allclose(functions @ space.basis(np.arange(32) / 32), functions, atol=1e-12)
    wave = np.cos(6 * np.pi * np.arange(32) / 32)
    np.testing.assert_allclose(wave @ space.basis(np.array([0.013, 0.77])), np.cos(6 * np.pi * np.array([0.013, 0.77])))


def test_a_grid_of_time_and_place_is_where_it_says() -> None:
    problem = Burgers({"viscosity": 0.05, "nodes": 32, "waves": 15, "resolution": 64})
    axes = problem.axes((16, 5))
    exact = cole_hopf(np.arange(32) / 32, axes[1], 0.05)
    found = problem.solve(exact[None, :, 0], axes)
    np.testing.assert_allclose(found[0, 0], exact[::2], atol=1e-6)
    with pytest.raises(ValueError, match="the grid's 12 points of x have to divide it"):
        problem.solve(exact[None, :, 0], problem.axes((12, 5)))


class Deflection(nn.Module):
    """The plate's exact solutions as a network would have them."""

    def separate(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        numbers = torch.pi * torch.arange(1, 4, dtype=torch.float64)
        x, y = (torch.sin(numbers[:, None] * points[:, place]) for place in (0, 1))
        stiffness = (0.5 * (numbers[:, None] ** 2 + numbers**2) ** 2).flatten()
        return [(sensors / stiffness) @ (x[:, None] * y).flatten(0, 1)]


def test_the_plates_solution_fulfils_the_equation() -> None:
    problem, random = Plate({"rigidity": 0.5, "modes": 3}), np.random.default_rng(1)
    functions, collocation = problem.space.draw(2, random), problem.collocate({"points": 7}, random)
    sensors, points = torch.from_numpy(functions), torch.from_numpy(collocation.points)
    field = ZeroCoordinateShift(Deflection(), sensors, points, 7)  # type: ignore[arg-type]
    source = torch.from_numpy(functions @ SineSeries(3).basis(collocation.points) / 0.5)
    (residual,) = plate.Plate(problem.parameters).residuals(field, source)
    assert float(residual.detach().abs().max()) < 1e-9 * float(source.abs().max())
    axes = problem.axes((4, 5))
    grid = torch.cartesian_prod(*(torch.from_numpy(axis) for axis in axes))
    solved = problem.solve(functions, axes).reshape(2, -1)
    np.testing.assert_allclose(solved, Deflection().separate(sensors, grid)[0].numpy(), atol=1e-12)


def test_slow_flow_is_solved_to_second_order_and_nothing_gets_lost() -> None:
    def lid(places: Values) -> Values:
        return (16 * (places * (1 - places)) ** 2)[None]

    flows = [solve_cavity(lid, 9, 0.5, finer) for finer in (1, 2, 4)]
    for output in (0, 1):
        errors = [np.abs(coarse - fine)[:, output].max() for coarse, fine in itertools.pairwise(flows)]
        assert 3 < errors[0] / errors[1] < 5
    u, v, p = flows[-1][0]
    np.testing.assert_allclose(u[:, -1], lid(np.linspace(0, 1, 9))[0], atol=1e-12)
    assert all(np.abs(edge).max() < 1e-12 for edge in (u[0], u[-1], u[:, 0], v[0], v[-1], v[:, 0], v[:, -1]))
    # As much flows to the right above as to the left below, and the pressure is as much too high as too low.
    across = solve_cavity(lid, 25, 0.5)[0, 0]
    np.testing.assert_allclose(np.trapezoid(across, dx=1 / 24, axis=1), 0, atol=2e-3)
    np.testing.assert_allclose(p + p[::-1], 0, atol=1e-9)
    # Without inertia twice the viscosity is twice the pressure of the same flow.
    again = solve_cavity(lid, 9, 1.0, 4)[0]
    np.testing.assert_allclose(again[:2], flows[-1][0, :2], atol=1e-10)
    np.testing.assert_allclose(again[2], 2 * p, atol=1e-9)


def test_points_of_the_lid_come_last_and_ask_for_its_velocity() -> None:
    problem = Stokes({"viscosity": 0.01, "length_scale": 0.2, "nodes": 21, "sensors": 9})
    collocation = problem.collocate({"points": 5, "boundary_points": 40}, np.random.default_rng(1))
    lid = collocation.points[collocation.conditions["lid"]]
    assert len(lid) and (lid[:, 1] == 1).all() and not (collocation.points[: -len(lid), 1] == 1).any()
    still = problem.giving(collocation).apply(np.zeros((1, 21), np.float32))
    np.testing.assert_allclose(still[0], lid[:, 0] * (1 - lid[:, 0]), atol=1e-6)
    faster = problem.giving(collocation).apply(np.ones((1, 21), np.float32))
    np.testing.assert_allclose(faster, 1.1 * still, atol=1e-6)


def test_the_lid_has_a_point_whatever_the_seed_and_others_are_not_moved_for_it() -> None:
    problem = Stokes({"viscosity": 0.01, "length_scale": 0.2, "nodes": 21, "sensors": 9})
    drawn_none = 0
    for seed in range(1, 301):
        collocation = problem.collocate({"points": 12, "boundary_points": 16}, np.random.default_rng(seed))
        lid = collocation.points[collocation.conditions["lid"]]
        assert len(lid) and (lid[:, 1] == 1).all() and len(collocation.points) == 28
        random = np.random.default_rng(seed)
        inside, edge = uniform_points(12, random), boundary_points(16, random)
        on_lid = edge[:, 1] == 1
        drawn_none += not on_lid.any()
        kept = np.concatenate([inside, edge[~on_lid], edge[on_lid]] if on_lid.any() else [inside, edge[:-1]])
        np.testing.assert_array_equal(collocation.points[: len(kept)], kept)
    assert drawn_none
