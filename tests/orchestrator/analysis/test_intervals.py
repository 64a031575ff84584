"""Intervals cover what they say: few repeats, ratios, days, and noise that is not normal."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator.analysis.intervals import log_ratio, log_sample, summaries, summary
from orchestrator.analysis.judgement import Looks, Reference, judge_repeats, judge_times_to_accuracy, olympic_sample
from orchestrator.analysis.scaling import efficiencies
from orchestrator.analysis.statistics import deviation_interval

SAMPLES = 600


def covered(values: np.ndarray, days: list[str] | None = None) -> float:
    """The share of rows whose interval holds 1."""
    ends = [summary(row, days=days).interval or (math.inf, math.inf) for row in values]
    return float(np.mean([low <= 1 <= high for low, high in ends]))


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_95_of_100_intervals_hold_the_truth_at_any_number_of_repeats(n: int) -> None:
    values = np.exp(0.02 * np.random.default_rng(n).standard_normal((SAMPLES, n)))
    # Three standard errors of this many samples are 2.7 points; the bootstrap covered 51, 75 and 94 %.
    assert 0.955 - 0.027 <= covered(values) <= 0.957 + 0.027


@pytest.mark.parametrize("n", [3, 5])
def test_a_slow_tail_is_covered_from_three_repeats_on(n: int) -> None:
    values = np.exp(0.02 * (1 - np.random.default_rng(n).exponential(1, (SAMPLES, n))))
    assert covered(values) >= 0.92 - 0.027


def test_an_efficiency_of_three_repeats_a_side_is_covered() -> None:
    top, base = np.exp(0.02 * np.random.default_rng(1).standard_normal((2, SAMPLES, 3)))
    ends = [efficiencies({1: low, 2: 2 * high})[1].interval for high, low in zip(top, base, strict=True)]
    assert 0.923 <= np.mean([found is not None and found[0] <= 1 <= found[1] for found in ends]) <= 0.98


@pytest.mark.parametrize(("top", "base"), [(5, 20), (20, 5)])
def test_an_efficiency_of_unequal_repeats_is_covered_where_its_fewer_ones_have_a_slow_tail(top: int, base: int) -> None:
    random = np.random.default_rng(4)
    values, below = (np.exp(0.02 * (1 - random.exponential(1, (SAMPLES, n)))) for n in (top, base))
    ends = [efficiencies({1: low, 2: 2 * high})[1].interval for high, low in zip(values, below, strict=True)]
    assert np.mean([found is not None and found[0] <= 1 <= found[1] for found in ends]) >= 0.92 - 0.02


@pytest.mark.parametrize("slow_tail", [False, True])
@pytest.mark.parametrize(("top", "base"), [(2, 20), (3, 20), (20, 3)])
def test_an_efficiency_of_very_unequal_repeats_is_covered(top: int, base: int, slow_tail: bool) -> None:
    random = np.random.default_rng(5)
    draw = (lambda shape: 1 - random.exponential(1, shape)) if slow_tail else random.standard_normal
    values, below = (np.exp(0.02 * draw((SAMPLES, n))) for n in (top, base))
    ends = [efficiencies({1: low, 2: 2 * high})[1].interval for high, low in zip(values, below, strict=True)]
    # Welch's degrees of freedom alone: 84 % and 86 % at two repeats beside twenty, 90 % and 92 % at three.
    assert np.mean([found is not None and found[0] <= 1 <= found[1] for found in ends]) >= 0.935 - 0.02


def test_the_summaries_of_many_groups_are_those_of_each_alone() -> None:
    random = np.random.default_rng(6)
    groups = [np.exp(0.02 * random.standard_normal(n)).tolist() for n in (3, 5, 1, 3, 2, 5)] + [[1.0, 0.0]]
    for slow in ("low", "high"):
        for found, values in zip(summaries(groups, slow), groups, strict=True):
            alone = summary(values, slow)
            assert (found.median, found.mean, found.n) == pytest.approx((alone.median, alone.mean, alone.n))
            assert found.interval == (alone.interval and pytest.approx(alone.interval))


def test_days_that_differ_are_covered_where_they_are_known() -> None:
    random = np.random.default_rng(2)
    logs = 0.01 * (random.standard_normal((SAMPLES, 4, 1)) + random.standard_normal((SAMPLES, 4, 5)))
    values, days = np.exp(logs.reshape(SAMPLES, -1)), [day for day in "abcd" for _ in range(5)]
    assert covered(values) < 0.85 and covered(values, days) >= 0.93
    assert summary(values[0], days=days).basis == "days" and summary(values[0]).basis == "repeats"


def test_two_days_do_not_tell_how_far_days_differ() -> None:
    assert summary([1.0, 1.1, 1.2, 1.3], days=["a", "a", "b", "b"]).basis == "repeats"


def test_the_slow_end_is_further_out_on_the_side_where_slow_runs_lie() -> None:
    rate, time = summary([95.0, 100.0, 105.0]), summary([95.0, 100.0, 105.0], "high")
    assert rate.interval and time.interval
    assert rate.mean == pytest.approx((95 * 100 * 105) ** (1 / 3))
    assert rate.mean / rate.interval[0] > rate.interval[1] / rate.mean
    assert time.mean / time.interval[0] < time.interval[1] / time.mean


def test_a_single_value_and_one_that_is_not_positive_have_no_interval() -> None:
    assert summary([5.0]).interval is None
    assert summary([5.0, 0.0]).interval is None and summary([5.0, 0.0]).mean == 2.5


def test_reports_and_acceptance_look_at_the_same_mean() -> None:
    values = [990.0, 1000.0, 1015.0, 1002.0, 998.0]
    assert judge_repeats(values, Reference(1000, -0.05, None, "samples/s")).value == pytest.approx(summary(values).mean)


def test_a_ratio_carries_the_uncertainty_of_both_sides_by_hand() -> None:
    top, base = [2.0, 2.1, 1.9], [1.0, 1.02]
    one, other = log_sample(top), log_sample(base)
    assert log_ratio(top, base).error == pytest.approx(math.hypot(one.error, other.error))


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_a_throughput_that_is_none_is_refused_by_name(wrong: float) -> None:
    with pytest.raises(ValueError, match="at 2 nodes"):
        efficiencies({1: [1.0, 1.0], 2: [2.0, wrong]})


def test_little_of_the_error_is_spent_where_few_repeats_may_look_alike() -> None:
    rule = Looks()
    shares = [rule.share(n, 0.95) for n in range(rule.first, rule.limit + 1)]
    assert shares[1:] == sorted(shares[1:]) and shares[0] < shares[-1] / 10 and shares[-1] < 0.025


def test_three_alike_runs_of_a_slow_tailed_machine_do_not_pass_it() -> None:
    reference = Reference(1000, -0.05, None, "samples/s")
    assert judge_repeats([970, 972, 969, 971, 930], reference, Looks(5, 5)).outcome == "undecided"


def test_a_run_that_missed_its_target_is_the_slowest() -> None:
    times = [100.0, 102.0, 98.0, 101.0, 99.0]
    assert olympic_sample([*times, None]).value == pytest.approx(np.mean(sorted(times)[1:]))
    limit = Reference(150, None, 0.0, "s")
    assert judge_times_to_accuracy([*times, None], limit, Looks(5, 6)).outcome == "pass"
    with pytest.raises(ValueError, match="one of which may miss"):
        olympic_sample([*times, None, None])


def test_the_interval_of_a_spread_allows_for_heavy_tails() -> None:
    values = np.random.default_rng(3).standard_t(3, (SAMPLES, 10)) / np.sqrt(3)
    ends = [deviation_interval(row, 0.95) for row in values]
    # 76 % by the interval for normal noise.
    assert np.mean([low <= 1 <= high for low, high in ends]) >= 0.83
