"""A history with a memory: changes are found, stay open, close, and are accepted."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from orchestrator.analysis.change_tests import LONGEST, Family, measure_changes
from orchestrator.analysis.regression import Comparison, Series, compare_series
from orchestrator.analysis.sets import summarise_sets
from orchestrator.analysis.tracking import DRIFTING, FASTER, SLOWER, STEADY, WINDOW, Follower, Tracks, follow_sets

METRICS, REPEATS = 20, 5


def logs(seed: int, weeks: int) -> np.ndarray:
    """(metrics, weeks, repeats) logarithms of speeds with 1.5 % noise."""
    return 0.015 * np.random.default_rng(seed).standard_normal((METRICS, weeks, REPEATS))


def follow(values: np.ndarray, begins: int = 0) -> Tracks:
    first = np.zeros(METRICS, np.int64)
    first[0] = begins
    return follow_sets(summarise_sets(values), first, np.full(METRICS, 0.02))


def newest(values: np.ndarray, begins: int = 0) -> Comparison:
    """The judgement of the first of several series at its newest set."""
    speeds = np.exp(values)
    family = [Series(speeds[0, -1], list(speeds[0, :-1]), begins=begins)]
    return compare_series([*family, *(Series(one[-1], list(one[:-1])) for one in speeds[1:])])[0]


def test_a_regression_stays_open_week_after_week() -> None:
    values = logs(1, 60)
    values[0, 20:] += np.log(0.9)
    tracks = follow(values)
    assert np.all(tracks.states[0, 20:] == SLOWER)
    assert tracks.since[0] == 20
    assert np.expm1(tracks.change[0]) == pytest.approx(-0.1, abs=0.005)


def test_what_is_over_is_over_at_once_and_whatever_the_noise() -> None:
    values = logs(2, 30)
    values[0, 20:25] += np.log(0.9)
    assert list(follow(values).states[0, 19:27]) == [STEADY, *[SLOWER] * 5, STEADY, STEADY]
    noisy = 0.08 / 0.015 * logs(3, 13)[:, :, :3]
    noisy[0, 8:11] += np.log(0.6)
    assert list(follow(noisy).states[0, 8:13]) == [SLOWER, SLOWER, SLOWER, STEADY, STEADY]


def test_an_accepted_change_is_the_base_of_what_comes_later() -> None:
    values = logs(4, 30)
    values[0, 20:] += np.log(0.9)
    accepted = follow(values, begins=20)
    assert accepted.states[0, -1] == STEADY
    values[0, 26:] += np.log(0.95)
    again = follow(values, begins=20)
    assert again.states[0, -1] == SLOWER and again.since[0] in (26, 27)
    assert np.expm1(again.change[0]) == pytest.approx(-0.05, abs=0.015)


@pytest.mark.parametrize("change", [0.1, -0.1])
def test_after_a_change_of_base_a_further_slow_down_is_found_in_two_weeks(change: float) -> None:
    found = 0
    for seed in range(10):
        values = logs(100 + seed, 26)
        values[0, 20:] += np.log1p(change)
        values[0, 24:] += np.log(0.95)
        tracks = follow(values)
        deeper = np.expm1(tracks.level[0] - tracks.base[0]) < change - 0.03
        found += bool(tracks.states[0, -1] == SLOWER and (change > 0 or deeper))
    assert found >= 9


def test_an_improvement_is_offered_and_stays_offered() -> None:
    values = logs(5, 40)
    values[0, 20:] += np.log(1.08)
    assert np.all(follow(values).states[0, 20:] == FASTER)


def test_a_drift_is_found_within_ten_weeks_and_called_so() -> None:
    found = []
    for seed in range(12):
        values = logs(200 + seed, 40)
        values[0, 26:] -= 0.002 * np.arange(1, 15)[:, None]
        found.append(follow(values).states[0])
    assert sum(bool(np.any(np.isin(states[26:36], (SLOWER, DRIFTING)))) for states in found) >= 8
    assert sum(bool(np.any(states[26:] == DRIFTING)) for states in found) >= 6


def test_three_per_cent_are_found_within_three_weeks() -> None:
    found = 0
    for seed in range(12):
        values = logs(300 + seed, 29)
        values[0, 26:] += np.log(0.97)
        found += bool(np.any(follow(values).states[0, 26:] == SLOWER))
    assert found >= 10


def test_disturbed_runs_are_no_news() -> None:
    random = np.random.default_rng(6)
    alarms = 0
    for seed in range(5):
        values = logs(400 + seed, 52)
        values += np.log1p(-random.uniform(0.05, 0.2, values.shape) * (random.random(values.shape) < 0.05))
        alarms += int((follow(values).states > STEADY).any(axis=0).sum())
    # 255 weeks; seven in a hundred were false before.
    assert alarms <= 6


def test_weeks_that_depend_on_each_other_are_no_news_and_a_noisy_series_says_so() -> None:
    random = np.random.default_rng(11)
    alarms, texts = 0, []
    for seed in range(8):
        values, effects = logs(500 + seed, 52), random.standard_normal((METRICS, 52, 1))
        for week in range(1, 52):
            effects[:, week] = 0.7 * effects[:, week - 1] + 0.51**0.5 * effects[:, week]
        values += 0.01 * effects
        alarms += int((follow(values).states > STEADY).any(axis=0).sum())
        texts.append(str(newest(values)))
    # 408 weeks; six in a hundred were false before.
    assert alarms <= 8
    assert any("since neighbouring sets depend on each other" in text for text in texts)


def test_the_first_set_is_not_judged_by_its_luckiest_repeats() -> None:
    values = np.zeros((1, 2, 5))
    values[0, 0] = [-0.02, -0.015, 0.0, 0.028, 0.03]
    assert summarise_sets(values).counts[0, 0] == 5


def test_weeks_that_were_not_measured_hide_nothing() -> None:
    values = logs(7, 30)
    values[0, [10, 15, 21, 23]] = np.nan
    values[0, 20:] += np.log(0.93)
    assert follow(values).states[0, -1] == SLOWER and follow(values).since[0] == 20


def test_a_noisy_series_says_what_it_would_show_and_what_would_help() -> None:
    found = newest(0.15 / 0.015 * logs(8, 27)[:, :, :3])
    assert found.verdict == "too noisy"
    assert str(found).startswith("too noisy to tell less than ") and "would show less" in str(found)
    assert found.detectable is not None and found.detectable_soon is not None
    assert found.detectable_soon < found.detectable


def test_the_three_slow_weeks_at_the_end_of_twelve_are_slower_since_the_first_of_them() -> None:
    values = 0.01 / 0.015 * logs(9, 12)[:2]
    values[:, 9:] += np.log(0.8)
    found = newest(values)
    assert (found.verdict, found.since) == ("slower", 9)
    assert found.change == pytest.approx(-0.2, abs=0.02)
    assert newest(values, begins=9).verdict != "slower"


def test_up_to_three_disturbed_repeats_of_five_do_not_move_a_set() -> None:
    values = logs(10, 10)
    moved = values.copy()
    moved[0, 9, :3] -= 0.15
    sets, disturbed = summarise_sets(values), summarise_sets(moved)
    assert disturbed.counts[0, 9] == 2
    assert abs(disturbed.centres[0, 9] - sets.centres[0, 9]) < 0.02


def test_sets_that_are_older_than_those_compared_change_nothing() -> None:
    sets, weeks = summarise_sets(logs(12, 80)), WINDOW + LONGEST
    base = np.ones((METRICS, 79), bool)
    base[:, 60] = False
    known = (base.sum(axis=1), np.ones(METRICS, bool), sets.squares.sum(axis=1), (sets.counts - 1).sum(axis=1))
    every = measure_changes(Family(sets.centres, sets.counts, base, *known), WINDOW)
    recent = Family(sets.centres[:, -weeks - 1 :], sets.counts[:, -weeks - 1 :], base[:, -weeks:], *known)
    for field in fields(every):
        assert np.allclose(getattr(measure_changes(recent, WINDOW), field.name), getattr(every, field.name), rtol=1e-9)


class EverySet(Follower):
    """Compares every set, also those in which certainly nothing changes."""

    def run(self) -> Tracks:
        for now in range(self.centres.shape[1]):
            self.follow(now)
        return self.tracks


class Counting(Follower):
    """Notes which sets are compared."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.compared: list[int] = []

    def follow(self, now: int) -> None:
        self.compared.append(now)
        super().follow(now)


@pytest.mark.parametrize("seed", range(12))
def test_sets_in_which_nothing_changes_are_left_out_of_the_comparison_and_all_else_is_as_with_them(seed: int) -> None:
    """Series of several noises, with steps, gaps, late beginnings, missing repeats and accepted changes."""
    random = np.random.default_rng(seed)
    series, weeks = int(random.integers(1, 20)), int(random.integers(20, 120))
    noise = random.choice([0.002, 0.015, 0.06], series)[:, None, None]
    shared = random.choice([0.0, 1.0]) * random.standard_normal((series, weeks, 1))
    values = 5 + noise * (random.standard_t(3 if seed % 3 == 0 else 30, (series, weeks, 4)) + shared)
    for row in values:
        if random.random() < 0.4:
            row[random.integers(weeks) :] += random.choice([-0.1, -0.03, 0.05])
        if random.random() < 0.3:
            row[: random.integers(weeks - 1)] = np.nan
    values[:, :-1][random.random((series, weeks - 1)) < 0.1] = np.nan
    values[:, :, 1:][random.random((series, weeks, 3)) < 0.2] = np.nan
    begins = np.where(random.random(series) < 0.2, random.integers(0, weeks, series), 0)
    sets, least = summarise_sets(values), np.full(series, 0.02)
    every, some = (kind(sets, begins, least, WINDOW).run() for kind in (EverySet, Follower))
    for field in fields(Tracks):
        np.testing.assert_array_equal(getattr(some, field.name), getattr(every, field.name), field.name)


def test_a_history_without_a_change_is_compared_at_few_of_its_sets() -> None:
    random = np.random.default_rng(3)
    sets = summarise_sets(5 + 0.015 * random.standard_normal((8, 500, 5)))
    follower = Counting(sets, np.zeros(8, np.int64), np.full(8, 0.02), WINDOW)
    follower.run()
    assert len(follower.compared) < 50 and follower.compared[-1] == 499
