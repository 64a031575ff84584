"""Slow ranks by what they cost, and laws that say how well they are known."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest

from orchestrator.analysis.laws import fit_law, serial_fractions
from orchestrator.analysis.outliers import find_high
from orchestrator.analysis.stragglers import (
    RANK_ERROR,
    RankSpread,
    judge_ranks,
    own_times_by_run,
    rank_times,
    spread_of_ranks,
)
from orchestrator.store.entries import HostHistoryRow


def named(values: np.ndarray) -> list[int]:
    return [int(rank) for rank in np.flatnonzero(judge_ranks(values).high)]


@pytest.mark.parametrize("ranks", [2, 3, 4, 8, 64, 1024, 4096])
@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05])
def test_alike_ranks_are_rarely_named_however_many_and_however_unequal(ranks: int, spread: float) -> None:
    random = np.random.default_rng(ranks)
    runs = 150
    # More than five false names come by chance once in a thousand such tests if one run in a hundred has one.
    assert sum(bool(named(1 + spread * random.standard_normal(ranks))) for _ in range(runs)) <= 5


def test_a_rank_five_per_cent_slow_is_no_coin_toss() -> None:
    random = np.random.default_rng(1)
    found = 0
    for _ in range(50):
        values = 1 + 0.005 * random.standard_normal(64)
        values[7] *= 1.05
        found += 7 in named(values)
    assert found >= 48


@pytest.mark.parametrize(("ranks", "best"), [(8, 0.35), (16, 0.64), (64, 0.78), (1024, 0.66)])
def test_at_one_per_cent_spread_as_many_are_found_as_the_best_test_of_the_fleet_finds(ranks: int, best: float) -> None:
    # Student's noncentral t of a rank 5 % slower, as tests/benchmarks/straggler_rates.py prints it.
    random, runs, found = np.random.default_rng(ranks), 100, 0
    for _ in range(runs):
        values = 1 + 0.01 * random.standard_normal(ranks)
        values[0] += 0.05
        found += 0 in named(values)
    assert found / runs >= best - 3 * (best * (1 - best) / runs) ** 0.5


def test_half_of_a_fleet_does_not_hide_in_its_own_spread() -> None:
    random = np.random.default_rng(5)
    for slow, ranks in ((6, 16), (24, 64), (400, 1024)):
        values = 1 + 0.01 * random.standard_normal(ranks)
        values[:slow] *= 1.12
        assert named(values) == list(range(slow))


def test_one_rank_that_is_much_faster_hides_no_slow_one() -> None:
    values = 1 + 0.005 * np.random.default_rng(6).standard_normal(32)
    values[3], values[9] = 0.5, 1.08
    assert named(values) == [9]


def test_a_fleet_says_from_which_excess_on_a_slow_rank_is_found() -> None:
    random, found = np.random.default_rng(7), 0
    for _ in range(200):
        values = 1 + 0.01 * random.standard_normal(16)
        least = find_high(values, RANK_ERROR).detectable
        assert least is not None
        values[4] = 1 + 0.01 * random.standard_normal() + least
        found += 4 in named(values)
    # The spread of 15 others is itself known to a fifth only.
    assert found >= 160
    assert find_high(np.array([1.0, 1.5]), RANK_ERROR).detectable is None


def test_below_five_per_cent_the_cost_is_told() -> None:
    compute = 100 * (1 + 0.002 * np.random.default_rng(2).standard_normal(64))
    compute[3] = 103.0
    found = rank_times(np.zeros(64), compute, 110 - compute)
    assert [item.rank for item in found if item.straggler] == [3]
    assert found[3].excess == pytest.approx(0.03, abs=0.005)
    assert found[3].cost_s == pytest.approx(103 - np.delete(compute, 3).max())


def test_of_two_ranks_neither_is_blamed() -> None:
    assert named(np.array([1.0, 1.5])) == []


def test_slow_loading_is_told_from_slow_computing_by_its_own_spread() -> None:
    random = np.random.default_rng(3)
    right = 0
    for _ in range(20):
        data, compute = 10 * (1 + 0.03 * random.standard_normal(32)), 90 * (1 + 0.005 * random.standard_normal(32))
        data[5] += 5
        found = rank_times(data, compute, np.full(32, 20.0))[5]
        right += found.cause == "data"
    assert right >= 19


def test_a_law_says_how_well_its_parameters_are_known() -> None:
    random = np.random.default_rng(4)
    held = 0
    for _ in range(40):
        rates = {
            n: list(100 * n / (1 + 0.03 * (n - 1)) * np.exp(0.01 * random.standard_normal(5))) for n in (1, 2, 4, 8, 16)
        }
        found = fit_law("amdahl", rates)
        assert found is not None
        low, high = found.intervals["serial"]
        held += low <= 0.03 <= high
    assert held >= 34


def test_a_fit_with_as_many_parameters_as_scales_has_no_interval() -> None:
    found = fit_law("usl", {1: [100.0], 2: [190.0], 4: [350.0]})
    assert found is not None and found.intervals == {} and found.rms is None


def test_nothing_is_greatest_below_the_base() -> None:
    found = fit_law("usl", {4: [100.0], 8: [60.0], 16: [30.0], 32: [12.0]})
    assert found is not None and found.peak_nodes is None


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_throughput_is_refused_with_its_scale(wrong: float) -> None:
    for refused in (lambda rates: fit_law("amdahl", rates), lambda rates: serial_fractions(rates, "strong")):
        with pytest.raises(ValueError, match="at 2 nodes there is"):
            refused({1: [1.0], 2: [wrong], 4: [3.0]})
    with pytest.raises(ValueError, match="positive number of nodes"):
        fit_law("amdahl", {0: [1.0], 2: [2.0]})


def test_a_slowest_rank_that_may_be_chance_is_told_with_the_spread_of_the_others() -> None:
    own = np.array([1.0, 1.02, 0.98, 1.1])
    found = spread_of_ranks(own)
    assert found.doubtful is not None and named(own) == []
    assert found.doubtful.rank == 3 and found.doubtful.excess == pytest.approx(0.1)
    assert found.doubtful.cost_s == pytest.approx(1.1 - 1.02)
    assert found.spread == judge_ranks(own[:3]).spread
    assert found.detectable is not None and found.detectable > found.doubtful.excess


def test_a_slowest_rank_that_costs_less_than_a_turn_of_another_process_is_not_told() -> None:
    own = np.array([0.010, 0.014])
    assert spread_of_ranks(own).doubtful is None
    assert spread_of_ranks(1000 * own).doubtful is not None


def test_ranks_of_which_none_stands_out_have_the_spread_of_all() -> None:
    alike = np.array([1.0, 1.02, 0.98, 1.01])
    assert spread_of_ranks(alike) == RankSpread(judge_ranks(alike).spread, judge_ranks(alike).detectable, None)
    straggler = np.array([1.0, 1.002, 0.998, 1.001, 1.0, 1.5])
    assert named(straggler) == [5] and spread_of_ranks(straggler).doubtful is None


def test_hosts_are_compared_within_their_run_as_far_as_they_were_measured() -> None:
    def row(campaign: str, host: str, data: float | None, compute: float) -> HostHistoryRow:
        return cast(HostHistoryRow, {"campaign": campaign, "run": "r", "created": 1.0, "host": host,
                                     "data_s": data, "compute_s": compute})  # fmt: skip

    rows = [row("a", "x", 1.0, 2.0), row("b", "x", 1.0, 4.0), row("a", "y", 0.5, 2.0), row("b", "y", None, 2.0)]
    assert own_times_by_run(rows) == [(["x", "y"], [3.0, 2.5]), (["x"], [5.0])]
