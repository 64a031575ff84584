"""How alike neighbouring sets are: from few sets, of many series together."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.analysis.neighbours import (
    LAGS,
    expected_products,
    lost_variance,
    mean_variance,
    models,
    neighbours_alike,
)

SERIES = 20


def correlated(seed: int, sets: int, persistence: float, series: int = SERIES) -> np.ndarray:
    """(S, W) deviations from the series' means; half of each set's variance comes from the set before it."""
    random = np.random.default_rng(seed)
    kept, own = random.standard_normal((2, series, sets))
    for place in range(1, sets):
        kept[:, place] = persistence * kept[:, place - 1] + (1 - persistence**2) ** 0.5 * kept[:, place]
    values = (kept if persistence else own) + own
    return np.asarray(values - values.mean(axis=1, keepdims=True))


def alike(deviations: np.ndarray) -> float:
    """How many sets are as much as an independent one."""
    return float(1 + 2 * neighbours_alike(deviations, np.ones(deviations.shape, bool)).expected.sum())


def test_independent_sets_are_told_from_sets_that_keep_something_of_those_before() -> None:
    independent = [alike(correlated(seed, 26, 0.0)) for seed in range(8)]
    kept = [alike(correlated(seed, 26, 0.7)) for seed in range(8)]
    assert max(independent) < 1.5 < min(kept)
    # 1 + 2 · ½ · 0.7 ÷ 0.3
    assert np.mean(kept) == pytest.approx(3.3, rel=0.25)


def test_one_series_whose_level_changes_makes_the_others_no_more_alike() -> None:
    values = correlated(3, 26, 0.0)
    values[0, 16:] -= 5.0
    values[0] -= values[0].mean()
    assert alike(values) < 1.5


def test_two_sets_show_nothing() -> None:
    found = neighbours_alike(np.array([[-1.0, 1.0]]), np.ones((1, 2), bool))
    assert not found.expected.any() and not found.cautious.any() and found.sets == 1


def test_sets_are_expected_to_lie_on_both_sides_of_their_mean() -> None:
    assert expected_products(5)[0, :4] == pytest.approx([-0.2] * 4)
    # Two sets are on both sides of their mean, whatever they have in common.
    assert expected_products(2)[:, 0] == pytest.approx(-0.5)


def test_a_mean_of_sets_that_are_alike_is_worth_fewer_of_them() -> None:
    independent, kept = models()[0], np.asarray(0.5 * 0.7 ** np.arange(1, LAGS + 1), np.float64)
    counts = np.array([1, 26])
    assert mean_variance(independent, counts) == pytest.approx([1, 1 / 26])
    assert mean_variance(kept, counts)[0] == 1 and 2.5 / 26 < mean_variance(kept, counts)[1] < 3.4 / 26
    assert lost_variance(independent, counts) == pytest.approx(1)
    assert np.all(lost_variance(kept, counts) > 1)
