"""Variances of a family of series, each moved towards the others as far as they agree."""

import numpy as np
import pytest
from scipy import special

from orchestrator.analysis.moderation import FEWEST, MOST_FREEDOM, Spread, inverse_trigamma, moderate_spreads
from orchestrator.analysis.regression import Series, compare_series


def drawn(deviations: list[float], freedom: int = 4, seed: int = 1) -> list[Spread]:
    random = np.random.default_rng(seed)
    return [Spread(deviation**2 * random.chisquare(freedom) / freedom, freedom) for deviation in deviations]


def log_error(spreads: list[Spread], deviation: float) -> float:
    return float(np.mean([abs(np.log(item.variance / deviation**2)) for item in spreads]))


def test_series_of_one_noise_learn_it_from_each_other() -> None:
    raw = drawn([0.015] * 20)
    moderated = moderate_spreads(raw)
    assert log_error(moderated, 0.015) < log_error(raw, 0.015) / 3
    assert all(4 < item.freedom <= MOST_FREEDOM for item in moderated)


def test_a_noisy_series_is_not_taken_for_a_quiet_one_where_series_differ_in_earnest() -> None:
    raw = drawn(list(np.geomspace(0.001, 0.3, 20)), freedom=20)
    moderated = moderate_spreads(raw)
    assert all(new.variance > 0.95 * old.variance for new, old in zip(moderated, raw, strict=True))
    assert max(item.freedom for item in moderated) < 22


def test_a_small_family_and_an_unknown_spread_stay_as_they_are() -> None:
    few = drawn([0.015] * (FEWEST - 1))
    assert moderate_spreads(few) == few
    assert moderate_spreads([*few, Spread(0.0, 0)]) == [*few, Spread(0.0, 0)]
    assert moderate_spreads([*drawn([0.015] * 20), Spread(0.0, 4)])[-1] == Spread(0.0, 4)


@pytest.mark.parametrize("x", [1e-3, 0.5, 2.0, 40.0, 1e4])
def test_trigamma_is_inverted(x: float) -> None:
    assert inverse_trigamma(float(special.polygamma(1, x))) == pytest.approx(x, rel=1e-6)


def test_a_slow_down_is_found_in_the_second_month_of_a_history() -> None:
    found = 0
    for seed in range(20):
        values = 1000 * np.exp(0.015 * np.random.default_rng(seed).standard_normal((9, 20, 5)))
        values[8, 0] *= 0.95
        found += compare_series([Series(values[8, m], list(values[:8, m])) for m in range(20)])[0].verdict == "slower"
    assert found >= 18
