"""The solver of two-dimensional turbulence, against solutions that are known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import fft

from workloads.super_resolution.making.flow import Flow, draw_vorticity

Y, X = np.meshgrid(*[2 * np.pi * np.arange(32) / 32] * 2, indexing="ij")


def test_a_single_vortex_pattern_decays_as_taylor_and_green_found() -> None:
    flow, start = Flow(32, 0.05), 4 * np.cos(2 * X) * np.cos(2 * Y)
    later = flow.advance(start, 1.5)
    np.testing.assert_allclose(later, start * np.exp(-0.05 * 8 * 1.5), atol=1e-12)


def test_the_flow_goes_around_its_vorticity() -> None:
    along, across = Flow(32, 0.0).velocity(fft.rfft2(2 * np.cos(X) * np.cos(Y)))
    np.testing.assert_allclose(along, -np.cos(X) * np.sin(Y), atol=1e-12)
    np.testing.assert_allclose(across, np.sin(X) * np.cos(Y), atol=1e-12)


def test_a_shear_carries_a_weak_wave_and_is_bent_by_it() -> None:
    y, x = np.meshgrid(*[2 * np.pi * np.arange(64) / 64] * 2, indexing="ij")
    wave = np.cos(3 * y) * np.cos(x)
    later = Flow(64, 0.0).advance(-np.cos(y) + 1e-6 * wave, 0.01)
    # The shear's flow is sin(y) along x. The wave's own flow across, cos(3 y) sin(x) / 10, meets its gradient sin(y).
    rate = (1 - 1 / 10) * np.sin(y) * np.cos(3 * y) * np.sin(x)
    np.testing.assert_allclose(((later + np.cos(y)) / 1e-6 - wave) / 0.01, rate, atol=0.01)


def test_without_viscosity_energy_and_enstrophy_stay() -> None:
    flow, start = Flow(64, 0.0), draw_vorticity(64, np.random.default_rng(1), peak=4.0)
    later = flow.advance(start, 0.5)
    assert np.abs(later - start).max() > 0.5
    assert flow.energy(later) == pytest.approx(flow.energy(start), rel=1e-4)
    assert (later**2).mean() == pytest.approx((start**2).mean(), rel=1e-3)


def test_halving_the_step_changes_a_step_of_fourth_order_by_a_sixteenth() -> None:
    flow = Flow(32, 0.01)
    start = fft.rfft2(draw_vorticity(32, np.random.default_rng(2), peak=3.0))

    def after(steps: int) -> NDArray[np.float64]:
        modes = start
        for _ in range(steps):
            modes = flow.step(modes, 0.4 / steps)
        vorticity: NDArray[np.float64] = fft.irfft2(modes)
        return vorticity

    exact = after(64)
    errors = [np.abs(after(steps) - exact).max() for steps in (4, 8)]
    assert 10 < errors[0] / errors[1] < 25


def test_turbulence_is_drawn_with_the_energy_and_the_scale_that_are_asked_for() -> None:
    vorticity = draw_vorticity(128, np.random.default_rng(3), peak=10.0)
    flow = Flow(128, 0.0)
    assert flow.energy(vorticity) == pytest.approx(0.5)
    modes = np.abs(fft.rfft2(vorticity)) ** 2 / np.where(flow.squares > 0, flow.squares, 1)
    rings = np.bincount(np.sqrt(flow.squares).round().astype(int).ravel(), modes.ravel())
    assert 5 < rings.argmax() < 15
    assert np.array_equal(vorticity, draw_vorticity(128, np.random.default_rng(3), peak=10.0))
