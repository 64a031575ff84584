"""The reference solutions of operators: analytic cases, orders of convergence, what cannot be solved."""

from __future__ import annotations

import numpy as np
import pytest

from workloads.operators.problems.diffusion_reaction import DiffusionReaction
from workloads.operators.problems.spaces import GaussianField, Values
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
    functions, axes = problem.space.draw(20, np.random.default_rng(1)), problem.axes([20, 20])
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
