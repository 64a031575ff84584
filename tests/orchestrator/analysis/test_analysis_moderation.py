"""Variances of a family of series, each moved towards the others as far as they agree."""

import numpy as np
import pytest
from scipy import special

from orchestrator.analysis.moderation import FEWEST, MOST_FREEDOM, inverse_trigamma, moderate_variances
from orchestrator.analysis.regression import Series, compare_series


def drawn(deviations: list[float], freedom: int = 4, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Variances as they would be estimated, and their degrees of freedom."""
    random = np.random.default_rng(seed)
    variances = [deviation**2 * random.chisquare(freedom) / freedom for deviation in deviations]
    return np.array(variances), np.full(len(deviations), float(freedom))


def log_error(variances: np.ndarray, deviation: float) -> float:
    return float(np.mean(np.abs(np.log(variances / deviation**2))))


def test_series_of_one_noise_learn_it_from_each_other() -> None:
    raw, freedoms = drawn([0.015] * 20)
    moderated, gained = moderate_variances(raw, freedoms)
    assert log_error(moderated, 0.015) < log_error(raw, 0.015) / 3
    assert np.all((gained > 4) & (gained <= MOST_FREEDOM))


def test_a_noisy_series_is_not_taken_for_a_quiet_one_where_series_differ_in_earnest() -> None:
    raw, freedoms = drawn(list(np.geomspace(0.001, 0.3, 20)), freedom=20)
    moderated, gained = moderate_variances(raw, freedoms)
    assert np.all(moderated > 0.95 * raw)
    assert gained.max() < 22


def test_a_small_family_and_an_unknown_spread_stay_as_they_are() -> None:
    few, freedoms = drawn([0.015] * (FEWEST - 1))
    assert np.array_equal(moderate_variances(few, freedoms)[0], few)
    unknown = moderate_variances(np.append(few, 0.0), np.append(freedoms, 0.0))
    assert np.array_equal(unknown[0], np.append(few, 0.0)) and unknown[1][-1] == 0
    many, of_many = drawn([0.015] * 20)
    exact = moderate_variances(np.append(many, 0.0), np.append(of_many, 4.0))
    assert (exact[0][-1], exact[1][-1]) == (0.0, 4.0)


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
