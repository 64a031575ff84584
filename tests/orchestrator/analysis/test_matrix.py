"""Means over repeats, and when one method may be called the best."""

import pytest

from orchestrator.analysis.matrix import Mean, best_of, mean_of


def test_the_mean_has_students_interval_and_the_sample_deviation() -> None:
    found = mean_of([4.0, 5.0, 6.0])
    # s = 1, t(0.975, 2) = 4.3027 (any table), so ± 4.3027 / √3.
    assert (found.mean, found.deviation, found.n) == (5.0, 1.0, 3)
    assert found.interval == pytest.approx((5 - 2.4841, 5 + 2.4841), abs=1e-4)


def test_a_single_run_has_neither_deviation_nor_interval() -> None:
    assert mean_of([7.0]) == Mean(7.0, None, None, 1)
    with pytest.raises(ValueError, match="at least one"):
        mean_of([])


A, B = mean_of([0.90, 0.91, 0.92]), mean_of([0.70, 0.71, 0.72])
NEAR = mean_of([0.89, 0.90, 0.93])


@pytest.mark.parametrize(
    ("means", "higher", "best"),
    [
        ({"a": A, "b": B}, True, "a"),
        ({"a": A, "b": B}, False, "b"),
        ({"a": A, "b": B, "near": NEAR}, True, None),
        ({"a": A, "b": mean_of([0.1])}, True, None),
        ({"a": A}, True, None),
        ({}, True, None),
    ],
)
def test_the_best_is_named_only_where_its_interval_parts_from_all_others(
    means: dict[str, Mean], higher: bool, best: str | None
) -> None:
    assert best_of(means, higher) == best
