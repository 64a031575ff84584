"""Checks on machines that are made up: who is named, what is decided, and what is left undecided."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from acceptance_runs import ALIKE, FACTS, LINK, check, only, probe, run

from orchestrator.acceptance.findings import Subject
from orchestrator.acceptance.kinds import evaluate_checks
from orchestrator.acceptance.quantities import QUANTITIES, operations_per_joule
from orchestrator.acceptance.suite_entries import MachineFacts
from orchestrator.acceptance.verdict import faulty_links, verdict_exit_code
from orchestrator.analysis.fleet import bus_bandwidth


def test_nodes_that_are_alike_pass_and_a_slow_one_is_named() -> None:
    nodes = check("nodes_alike", quantity="matmul", bound=ALIKE, first=8)
    assert only(nodes, probe()).outcome == "pass"
    found = only(nodes, probe([1e12, 0.85e12, 1e12, 1e12]))
    assert (found.outcome, [named.name for named in found.named]) == ("fail", ["n2"])
    assert found.value == pytest.approx(0.85, rel=0.02)


def test_nodes_of_which_one_was_never_measured_are_not_said_to_be_alike() -> None:
    nodes = check("nodes_alike", quantity="matmul", bound=ALIKE, first=8, limit=24)
    reading = probe(rounds=24)
    assert reading.probe is not None
    reading.probe["matmul_flop_per_s"][2] = np.nan  # type: ignore[index]
    found = only(nodes, reading)
    assert (found.outcome, found.named, found.code) == ("undecided", [], 5)
    assert found.why.endswith("; never measured: n3")
    reading.probe["matmul_flop_per_s"][0] *= 0.8  # type: ignore[index]
    found = only(nodes, reading)
    assert (found.outcome, [named.name for named in found.named]) == ("fail", ["n1"])
    assert only(nodes, reading, probe(rounds=24)).why == "4 nodes; the value is the worst node's"


def test_a_node_one_of_whose_ranks_has_no_value_was_not_measured_unless_that_rank_never_has_one() -> None:
    """Files are read by one rank of a node, for all of them."""
    nodes = check("nodes_alike", quantity="matmul", bound=ALIKE, first=8, limit=24)
    reading = replace(probe(nodes=8, rounds=24), nodes=4, ranks_per_node=2)
    assert reading.probe is not None
    reading.probe["matmul_flop_per_s"][5] = np.nan  # type: ignore[index]
    found = only(nodes, reading)
    assert (found.outcome, found.why.endswith("; never measured: n5")) == ("undecided", True)
    reading.probe["matmul_flop_per_s"][1::2] = np.nan  # type: ignore[index]
    assert only(nodes, reading).outcome == "pass"


def test_a_node_that_met_no_other_leaves_its_links_undecided() -> None:
    reading = probe(nodes=4, rounds=24)
    assert reading.probe is not None
    alone = np.asarray(reading.probe["pair_partner"]).copy()
    alone[3], alone[alone == 3] = -1, -1
    found = only(
        check("links", size=1024, bound=LINK, limit=24),
        replace(reading, probe={**reading.probe, "pair_partner": alone}),
    )
    assert (found.outcome, found.why.endswith("; never measured: n4")) == ("undecided", True)


@pytest.mark.parametrize("nodes", [3, 4, 7, 8])
def test_a_node_whose_links_are_slow_is_told_from_those_it_met(nodes: int) -> None:
    found = only(
        check("links", size=1024, bound=LINK),
        probe(nodes=nodes, pair_seconds=lambda a, b: 3e-3 if 1 in (a, b) else 1e-3),
    )
    assert (found.outcome, [(named.what, named.name) for named in found.named]) == ("fail", [("node", "n2")])


def test_one_slow_link_between_sound_nodes_is_named_as_a_link() -> None:
    slow = probe(nodes=6, pair_seconds=lambda a, b: 3e-3 if (a, b) == (1, 4) else 1e-3)
    found = only(check("links", size=1024, bound=LINK), slow)
    assert (found.outcome, [(named.what, named.name) for named in found.named]) == ("fail", [("link", "n2–n5")])
    assert only(check("links", size=1024, bound=LINK), probe(nodes=6)).outcome == "pass"


def test_a_link_of_a_node_that_another_check_found_faulty_is_not_blamed() -> None:
    slow_node = replace(only(check("correct"), probe()), outcome="fail", named=[Subject("node", "n2")])
    slow_link = replace(slow_node, named=[Subject("link", "n2–n5"), Subject("link", "n1–n4")])
    assert faulty_links([slow_link]) == ["n1–n4", "n2–n5"]
    assert faulty_links([slow_node, slow_link]) == ["n1–n4"]


def test_two_nodes_have_one_link_and_nothing_to_compare_it_with() -> None:
    found = only(check("links", size=1024, bound=LINK), probe(nodes=2))
    assert (found.outcome, "three nodes" in found.why) == ("not measurable", True)


def test_wrong_results_name_the_node_and_are_a_wrong_answer() -> None:
    bad = probe()
    assert bad.probe is not None
    bad.probe["correct"][2, 0] = 0
    found = only(check("correct"), bad)
    assert (found.outcome, found.code, found.named[0].name) == ("fail", 2, "n3")
    bad.probe["correct"][2, 0] = np.nan
    assert [named.name for named in only(check("correct"), bad).named] == ["n3"], "nothing is known to be right"


def test_a_rate_is_a_share_of_the_peak_that_the_profile_states() -> None:
    bound = {"value": 1.0, "lower": -0.6, "upper": None, "unit": "× peak"}
    assert only(check("peak", quantity="matmul", bound=bound), probe()).value == pytest.approx(0.5, rel=0.02)
    without: MachineFacts = {**FACTS, "cluster": {"accelerator": {}}}
    (found,) = evaluate_checks([check("peak", quantity="matmul", bound=bound)], [probe()], without, True)
    assert (found.outcome, "accelerator.peak_fp32_tflops" in found.why) == ("not measurable", True)


def test_what_straddles_its_bound_asks_for_more_and_is_undecided_at_the_limit() -> None:
    bound = {"value": 100.0, "lower": -0.05, "upper": None, "unit": "samples/s"}
    values = [95.5, 94.0, 96.5, 94.8, 95.3]
    speed = check("reference", quantity="throughput", bound=bound)
    runs = [run(number, throughput=value) for number, value in enumerate(values)]
    first = only(speed, *runs, final=False)
    assert (first.outcome, first.needed > 0) == ("needs more", True)
    assert only(speed, *(runs * 3), final=False).outcome == "undecided"
    assert only(speed, *[replace(one, throughput=value + 4) for one, value in zip(runs, values, strict=True)]).code == 0
    assert only(speed, *[replace(one, throughput=value - 9) for one, value in zip(runs, values, strict=True)]).code == 5


def test_too_few_repeats_well_within_their_bounds_say_how_many_more_may_decide() -> None:
    bound = {"value": 100.0, "lower": -0.5, "upper": None, "unit": "samples/s"}
    speed = check("reference", quantity="throughput", bound=bound)
    found = only(speed, run(0, throughput=100.0), run(1, throughput=100.1))
    assert (found.outcome, found.why) == (
        "undecided", "2 repeats were made and do not decide: 3 more may, if they are like these"
    )  # fmt: skip


def test_a_reference_of_stand_in_data_does_not_judge_runs_on_real_data() -> None:
    bound = {"value": 100.0, "lower": -0.05, "upper": None, "unit": "samples/s", "source": "stand-in"}
    runs = [run(number, source="real") for number in range(5)]
    found = only(check("reference", quantity="throughput", bound=bound), *runs)
    assert (found.outcome, "stand-in data, the runs read real data" in found.why) == ("not measurable", True)


def test_a_failed_run_that_read_no_data_does_not_hide_a_missed_reference() -> None:
    bound = {"value": 100.0, "lower": -0.05, "upper": None, "unit": "samples/s", "source": "real"}
    slow = [run(number, source="real", throughput=50.0 + 0.1 * number) for number in range(9)]
    failed = run(9, state="failed", source=None, throughput=None)
    speed = check("reference", quantity="throughput", bound=bound)
    found = evaluate_checks([check("completed", allowed=1), speed], [*slow, failed], FACTS, True)
    assert ([one.outcome for one in found], verdict_exit_code(found)) == (["pass", "fail"], 5)


def test_a_throughput_is_judged_in_what_its_benchmark_counts_and_in_nothing_else() -> None:
    bound = {"value": 100.0, "lower": -0.05, "upper": None, "unit": "tokens/s"}
    speed = check("reference", quantity="throughput", bound=bound)
    tokens, samples = ([run(number, throughput_unit=unit) for number in range(5)] for unit in ("tokens/s", "samples/s"))
    assert only(speed, *tokens).code == 0
    found = only(speed, *samples)
    assert found.outcome == "not measurable"
    assert found.why == "the reference is in tokens/s, the runs measured samples/s"
    assert QUANTITIES["throughput"].can_be_in("tokens/s") and not QUANTITIES["throughput"].can_be_in("tokens")
    assert not QUANTITIES["triad"].can_be_in("tokens/s")


def test_rates_of_warm_epochs_are_compared_with_such_only() -> None:
    """At four nodes only the whole of a run has a rate: from 50 samples/s on one node that is half as much as ideal."""
    base = [run(number, nodes=1, throughput=50.0 + number, throughput_warm=100.0) for number in range(5)]
    large = [run(number, throughput=100.0 + number, throughput_warm=None) for number in range(5)]
    scaling = check("efficiency", nodes=[1, 4], bound={"value": 1.0, "lower": -0.1, "upper": None, "unit": "× ideal"})
    assert only(scaling, *base, *large).value == pytest.approx(0.5, rel=0.02)
    warm = [replace(one, throughput_warm=400.0 + place) for place, one in enumerate(large)]
    failed = run(9, state="failed", throughput=50.0)
    assert only(scaling, *base, *warm, failed).value == pytest.approx(1.0, rel=0.02)
    mixed = [run(0, throughput_warm=200.0), *[run(number, throughput=100.0 + number) for number in range(1, 5)]]
    bound = {"value": 100.0, "lower": -0.1, "upper": None, "unit": "samples/s"}
    assert only(check("reference", quantity="throughput", bound=bound), *mixed).value == pytest.approx(102, rel=0.01)
    alike = check("variation", quantity="throughput", bound={"value": 0.3, "lower": None, "upper": 0.0, "unit": "x"})
    assert only(alike, *mixed).value < 0.02


def test_time_to_accuracy_is_void_if_more_than_one_run_did_not_get_there() -> None:
    bound = {"value": 20.0, "lower": None, "upper": 0.1, "unit": "s"}
    times = check("time_to_accuracy", bound=bound)
    seconds = [10.0, 11.0, 12.0, 13.0, 16.0]
    found = only(times, *[run(number, time_to_accuracy=value) for number, value in enumerate(seconds)])
    assert (found.outcome, found.value) == ("pass", 12.0)
    withheld = run(9, throughput=None, time_to_accuracy=None)
    assert only(times, *[run(number) for number in range(5)], withheld).n == 5
    void = [run(number, time_to_accuracy=value) for number, value in enumerate([10.0, 11.0, 12.0, None, None])]
    assert only(times, *void).code == 2
    assert only(times, *void[:3], final=False).outcome == "needs more"


def test_failed_runs_are_named_and_lost_ones_are_the_machines_fault() -> None:
    ended = check("completed")
    assert only(ended, run()).outcome == "pass"
    assert only(ended, run(), run(1, state="failed", cause="rank 1 died")).code == 1
    assert only(ended, run(), run(1, state="failed", cause=None)).why == ""
    assert only(ended, run(), run(1, state="node-failed")).code == 3


def test_stability_needs_its_hours_and_says_what_they_prove() -> None:
    loop = check("stability", hours=1.0)
    runs = [run(number, created=60.0 * number, ended=60.0 * (number + 1)) for number in range(60)]
    found = only(loop, *runs)
    assert (found.outcome, "below 4.9 %" in found.why) == ("pass", True)
    assert only(loop, *runs[:30]).outcome == "undecided"
    assert only(loop, *runs[:-1], replace(runs[-1], state="failed")).outcome == "fail"


def test_energy_without_a_counter_is_not_measurable() -> None:
    reading = probe()
    assert reading.probe is not None
    reading.probe["power_w"] = np.full((4, 8), np.nan)  # type: ignore[index]
    bound = {"value": 1.0, "lower": -0.5, "upper": None, "unit": "GFLOP/J"}
    found = only(check("reference", quantity="energy", bound=bound), reading)
    assert (found.outcome, "power counter" in found.why) == ("not measurable", True)
    reading.probe["power_w"] = np.full((4, 8), 200.0)  # type: ignore[index]
    assert only(check("reference", quantity="energy", bound=bound), reading).value == pytest.approx(5.0, rel=0.02)


def test_a_nodes_processors_are_metered_once_for_all_of_its_ranks_and_accelerators_each_by_its_own() -> None:
    """Two nodes of two ranks, each at 1 TFLOP/s: one meter of 500 W, or two of 250 W, come to 4 GFLOP/J."""
    reading = replace(probe(), ranks_per_node=2)
    assert reading.probe is not None
    once, each = np.full((4, 8), np.nan), np.full((4, 8), 250.0)
    once[::2] = 500.0
    partly = each.copy()
    partly[0] = np.nan
    for watts, expected in ((once, 4.0), (each, 4.0)):
        reading.probe["power_w"] = watts  # type: ignore[index]
        assert operations_per_joule(reading, None) == pytest.approx([expected] * 8, rel=0.02)
    reading = replace(reading, ranks_per_node=4)
    reading.probe["power_w"] = partly  # type: ignore[index]
    assert operations_per_joule(reading, None) == [], "of one accelerator nothing is known"


@pytest.mark.parametrize(
    ("target", "reached", "outcome"), [(0.8, True, "pass"), (0.8, False, "fail"), (None, False, "not measurable")]
)
def test_runs_are_held_to_the_target_that_they_have(target: float | None, reached: bool, outcome: str) -> None:
    quality: Any = {"metric": "f1", "value": 0.9, "target": target, "reached": reached, "basis": "b"}
    assert only(check("quality"), run(quality=quality)).outcome == outcome


def test_a_metric_of_which_lower_is_better_is_bounded_above() -> None:
    quality: Any = {"metric": "error", "value": 0.01, "target": 0.02, "reached": True, "basis": "b"}
    settings: Any = {"quality": {"metric": "error", "higher_is_better": False}}
    found = only(check("quality"), run(quality=quality, settings=settings))
    assert (found.outcome, found.bounds) == ("pass", (None, 0.02))
    assert only(check("quality"), run(quality=quality)).bounds == (0.02, None)


def test_the_base_of_an_efficiency_does_not_move_up_where_its_runs_failed() -> None:
    scaling = check(
        "efficiency", nodes=[1, 2, 4], bound={"value": 1.0, "lower": -0.1, "upper": None, "unit": "× ideal"}
    )
    base = [run(number, nodes=1, state="failed", throughput=None) for number in range(5)]
    larger = [run(number, nodes=nodes, throughput=50.0 * nodes + number) for nodes in (2, 4) for number in range(5)]
    found = evaluate_checks([scaling], [*base, *larger], FACTS, True)
    assert {(one.nodes, one.outcome) for one in found} == {(2, "not measurable"), (4, "not measurable")}
    completed = [run(number, nodes=1, throughput=50.0 + 0.1 * number) for number in range(5)]
    assert {one.outcome for one in evaluate_checks([scaling], [*completed, *larger], FACTS, True)} == {"pass"}


def test_runs_whose_quality_was_never_evaluated_are_not_measurable() -> None:
    quality: Any = {"metric": "f1", "value": None, "target": 0.8, "reached": False, "basis": "b"}
    found = only(check("quality"), run(quality=quality), run(1, quality={**quality, "value": float("nan")}))
    assert (found.outcome, found.why) == ("not measurable", "no run has a value of f1")
    assert only(check("quality"), run(), run(1, quality=quality)).outcome == "fail"


@pytest.mark.parametrize("kind", ["reference", "variation"])
def test_a_counter_that_stands_still_is_not_measurable(kind: str) -> None:
    reading = probe()
    assert reading.probe is not None
    reading.probe["power_w"] = np.full((4, 8), 200.0)  # type: ignore[index]
    still = replace(reading, probe={**reading.probe, "power_w": np.zeros((4, 8))})
    bound = {"value": 250.0, "lower": None, "upper": 0.1, "unit": "W"}
    found = only(check(kind, quantity="power", bound=bound), reading, still)
    assert (found.outcome, "values of power are no positive numbers: 0 W" in found.why) == ("not measurable", True)
    assert only(check(kind, quantity="power", bound=bound), reading, reading, final=False).outcome != "not measurable"


def test_a_rate_of_zero_is_no_share_of_a_peak() -> None:
    bound = {"value": 1.0, "lower": -0.6, "upper": None, "unit": "× peak"}
    found = only(check("peak", quantity="matmul", bound=bound), probe([0.0] * 4))
    assert (found.outcome, "0 TFLOP/s" in found.why) == ("not measurable", True)


def test_bandwidths_are_nccl_tests() -> None:
    """Its documentation's factor for allreduce, 2(n − 1)/n: 1 for two ranks, near 2 for many."""
    assert bus_bandwidth(1e-3, 10**6, 2) == pytest.approx(1e9)
    assert bus_bandwidth(1e-3, 10**6, 8) == pytest.approx(1.75e9)
