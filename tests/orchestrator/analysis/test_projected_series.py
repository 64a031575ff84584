"""From the runs of one series to its projection: what is observed, and what is said of it."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.analysis.losses import Split
from orchestrator.analysis.projected_series import (
    SteppedRun,
    measure_workload,
    network_of,
    observe_scales,
    project_series,
)
from orchestrator.analysis.projection import Observed, Workload, mean_step
from orchestrator.telemetry.steps import StepDistribution

HALF = Split(compute=4.0, data=1.0, straggling=0.0, communication=5.0, evaluation=90.0, other=0.0)
"""Half of the steps' time is communication."""


def run(
    ranks: int, rate: float, split: Split | None = HALF, own: tuple[float, ...] = (1.0,), s: float = 1.0
) -> SteppedRun:
    """A run of 8 items a rank and step, whose median own time is ``s``."""
    steps = [0.9 * s, 1.0 * s, 1.1 * s]
    distribution: StepDistribution = {
        "ranks": ranks, "steps": 3, "own_median_s": s, "own": steps, "waiting_s": steps,
    }  # fmt: skip
    return SteppedRun(ranks, 8.0 * ranks, rate, split, np.array(own), distribution)


def test_a_scale_is_the_median_of_its_repeats() -> None:
    two, one = [run(2, 16.0), run(2, 32.0), run(2, 64.0)], run(1, 8.0, split=None)
    assert observe_scales([*two, one]) == [Observed(1, 1.0, 0.0), Observed(2, 0.5, 0.25)]


def test_own_times_are_those_of_the_smallest_scale_and_speeds_those_of_all() -> None:
    runs = [run(2, 16.0, own=(1.0, 1.2), s=9.0), run(1, 8.0, own=(5.0,), s=1.0), run(1, 8.0, own=(7.0,), s=3.0)]
    found = measure_workload(runs, parameters=1000, cores=4, threads=2)
    assert found.own_s == 2.0 and found.steps == pytest.approx([1.8, 2.0, 2.2])
    # The ranks of the two are 1/1.1 and 1.2/1.1 of their median, one alone is its own.
    assert (found.ranks[0], found.ranks[-1]) == pytest.approx((1 / 1.1, 1.2 / 1.1))
    assert (found.gradient_bytes, found.cores, found.threads) == (4000.0, 4, 2)


def test_what_a_profile_leaves_open_of_its_network_is_assumed() -> None:
    assumed = network_of(None, None, 1)
    assert (assumed.latency_s, assumed.bandwidth, assumed.algorithm) == pytest.approx((1e-5, 1e9, "ring"))
    stated = network_of(2.0, 25.0, 4)
    assert (stated.latency_s, stated.bandwidth, stated.algorithm) == pytest.approx((2e-6, 2.5e10, "hierarchical"))
    assert network_of(2.0, 25.0, 4, "tree").algorithm == "tree"


def test_a_projection_leaves_out_what_was_measured_and_says_how_far_it_can_be_trusted() -> None:
    true, network = Workload(0.01, [1.0], [1.0], 4e7, overlap=0.0, cost=3.0), network_of(10.0, 1.0, 1)
    seen = [
        Observed(ranks, mean_step(true, network, ranks)[0], mean_step(true, network, ranks)[4]) for ranks in (1, 2, 4)
    ]
    plain = Workload(0.01, [1.0], [1.0], 4e7, overlap=0.0)
    found = project_series(plain, network, seen, [2, 4, 8, 64], network_stated=False)
    assert [(point.projected.ranks, point.nodes, point.assumed) for point in found.points] == [
        (8, 8, False),
        (64, 64, True),
    ]
    assert all(low <= point.projected.efficiency <= high for point in found.points for low, high in [point.band])
    assert found.calibrated and found.workload.cost == pytest.approx(3.0, rel=1e-3)
    (check,) = found.checks
    assert (check.ranks, check.fitted_on) == (4, [1, 2]) and check.error == pytest.approx(0.0, abs=1e-3)
    assert not project_series(plain, network, seen[:2], [64], network_stated=True).points[0].assumed
    assert not project_series(plain, network, seen[:2], [64], network_stated=True).checks
