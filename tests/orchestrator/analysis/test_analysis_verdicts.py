"""Laws, lost time, stragglers, regressions and checks, against numbers known beforehand."""

import numpy as np
import pytest

from orchestrator.analysis.changepoints import find_all_change_points, find_change_points
from orchestrator.analysis.judgement import Looks, Reference, judge_repeats
from orchestrator.analysis.laws import fit_law, serial_fractions
from orchestrator.analysis.losses import split_time
from orchestrator.analysis.regression import Series, compare_series
from orchestrator.analysis.statistics import olympic_summary
from orchestrator.analysis.stragglers import rank_times, slow_hosts

PEARL = {1: [159.8], 2: [202.2], 4: [385.3], 8: [729.2], 16: [1320.5]}
"""CloudMask, images/s by ranks, second epoch (E2E case 2)."""


def noisy(seed: int, *shape: int) -> np.ndarray:
    return 1000 * np.exp(0.015 * np.random.default_rng(seed).standard_normal(shape))


def test_olympic_mean_drops_both_ends_and_one_run_that_did_not_arrive() -> None:
    assert olympic_summary([5.0, 1.0, 3.0, 4.0, 100.0]).mean == pytest.approx(4.0)
    assert olympic_summary([1.0, 3.0, 5.0, None]).mean == pytest.approx(4.0)
    assert olympic_summary([1.0, 3.0, None, None]).mean is None


def test_each_law_finds_the_parameters_it_was_drawn_from() -> None:
    nodes = [1, 2, 4, 8, 16, 32]
    amdahl = fit_law("amdahl", {n: [100 / (0.05 + 0.95 / n)] for n in nodes})
    gustafson = fit_law("gustafson", {n: [100 * (n - 0.1 * (n - 1))] for n in nodes})
    usl = fit_law("usl", {n: [100 * n / (1 + 0.03 * (n - 1) + 0.001 * n * (n - 1))] for n in nodes})
    assert amdahl is not None and amdahl.parameters["serial"] == pytest.approx(0.05, abs=1e-4)
    assert gustafson is not None and gustafson.parameters["serial"] == pytest.approx(0.1, abs=1e-4)
    assert usl is not None and usl.parameters["contention"] == pytest.approx(0.03, abs=1e-4)
    assert usl.peak_nodes == pytest.approx(np.sqrt(0.97 / 0.001), rel=1e-2)


def test_serial_fractions_of_the_published_cloudmask_table() -> None:
    # By hand, for 16 ranks: S = 8.263; (16 − 8.263) ÷ 15 and (1/8.263 − 1/16) ÷ (15/16).
    assert serial_fractions(PEARL, "weak")[16] == pytest.approx(0.5158, abs=1e-3)
    assert serial_fractions(PEARL, "strong")[16] == pytest.approx(0.0624, abs=1e-3)


def test_waiting_for_a_slow_rank_is_not_communication() -> None:
    compute = np.array([[1.0, 1.0], [1.5, 1.5]])
    waiting = np.array([[0.6, 0.6], [0.1, 0.1]])
    found = split_time(compute + waiting, np.zeros((2, 2)), compute, waiting)
    assert found.straggling == pytest.approx(0.5)
    assert found.communication == pytest.approx(0.2)
    assert found.total == pytest.approx(3.2)


def test_the_slow_rank_is_a_straggler_and_those_that_wait_are_not() -> None:
    compute = np.array([1.0, 1.01, 0.99, 1.0, 1.01, 0.99, 1.0, 1.11])
    found = rank_times(np.zeros(8), compute, 1.2 - compute)
    assert [item.straggler for item in found] == [False] * 7 + [True]
    assert found[7].cause == "compute" and found[0].waits


def test_a_host_slow_in_most_runs_is_named() -> None:
    hosts = ["n1", "n2", "n3", "n4"]
    healthy, slow = [1.0, 1.0, 1.01, 1.0], [1.0, 1.0, 1.11, 1.0]
    assert [str(item) for item in slow_hosts([(hosts, slow)] * 9 + [(hosts, healthy)])] == [
        "host n3 is 11 % slower than the fleet in 9 of 10 runs"
    ]


def test_a_slow_down_is_found_among_twenty_metrics_and_the_others_stay_quiet() -> None:
    values = noisy(1, 27, 20, 5)
    values[26, 0] *= 0.93
    found = compare_series([Series(values[26, m], list(values[:26, m])) for m in range(20)])
    assert found[0].verdict == "slower" and str(found[0]).startswith("slower by ")
    assert all(item.verdict == "no change" for item in found[1:])


def test_two_runs_are_not_enough_and_it_says_how_many_are() -> None:
    found = compare_series([Series([1000.0, 985.0], [[1000.0, 1020.0]])])[0]
    assert found.verdict == "not enough runs" and found.needed


def test_the_first_set_of_a_series_is_said_to_be_it_rather_than_to_need_runs() -> None:
    assert "the first set of this series" in str(compare_series([Series([1000.0, 1003.0, 998.0], [])])[0])
    assert str(compare_series([Series([1000.0], [])])[0]) == "not enough runs: needs 1 more"


def test_a_change_of_level_is_located_and_a_lone_outlier_is_none() -> None:
    values = noisy(2, 52, 5).mean(axis=1)
    values[30:] *= 0.95
    values[10] *= 0.8
    assert [point.index for point in find_change_points(list(values))] == [30]


def test_a_slow_newest_week_does_not_make_a_change_of_the_week_before_it() -> None:
    values = [160.6, 161.0, 160.5, 160.7, 161.0, 160.5, 160.9, 160.7, 161.1, 160.8, 161.1]
    assert find_change_points([*values, 152.3]) == []
    assert [point.index for point in find_change_points([*values, 152.3, 152.2])] == [11]


def test_changes_of_level_of_many_series_are_those_of_each_alone() -> None:
    series = [list(noisy(seed, weeks, 5).mean(axis=1)) for seed, weeks in enumerate((52, 3, 20, 0, 52, 11))]
    for place, week in ((0, 30), (2, 12), (4, 9)):
        series[place][week:] = [0.9 * value for value in series[place][week:]]
    found = find_all_change_points(series)
    assert found == [find_change_points(values) for values in series]
    assert [[change.index for change in changes] for changes in found] == [[30], [], [12], [], [9], []]


def test_a_check_passes_fails_or_asks_for_more() -> None:
    reference = Reference(1000, -0.05, None, "samples/s")
    assert judge_repeats([1000, 1005, 995, 1002, 998], reference).outcome == "pass"
    assert judge_repeats([900, 905, 895, 902, 898], reference).outcome == "fail"
    straddling = [940.0, 960.0] * 3
    assert judge_repeats(straddling, reference).outcome == "needs more"
    assert judge_repeats(straddling, reference, Looks(5, 6)).outcome == "undecided"


def test_a_reference_without_unit_or_bounds_is_refused() -> None:
    with pytest.raises(ValueError, match="unit"):
        Reference(1000, -0.05, None, "")
    with pytest.raises(ValueError, match="neither"):
        Reference(1000, None, None, "samples/s")
