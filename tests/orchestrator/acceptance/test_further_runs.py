"""Repeats that undecided checks ask for come to an end, whatever the runs give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from acceptance_runs import FACTS, check, only, probe, run
from rich.console import Console

from orchestrator.acceptance.findings import Check
from orchestrator.acceptance.measurements import Measurement
from orchestrator.acceptance.record import Record
from orchestrator.acceptance.session import Acceptance
from orchestrator.acceptance.suite import Suite

SPEED = {"value": 100.0, "lower": -0.05, "upper": None, "unit": "samples/s"}
ALIKE_RUNS = {"value": 0.05, "lower": None, "upper": 0.0, "unit": "× the mean"}
MOST_CAMPAIGNS = 50


class MadeUp(Acceptance):
    """An acceptance whose runs are made up: the number-th run of a node count is what ``made`` returns."""

    def __init__(self, checks: list[Check], config: dict[str, Any], made: Callable[[int, int], Measurement]) -> None:
        suite = SimpleNamespace(checks=checks, configs={"w": config})
        super().__init__(cast(Suite, suite), Record(Path()), Console(quiet=True))
        self.made, self.campaigns = made, 0
        self.facts = lambda: FACTS  # type: ignore[method-assign]
        self.session.ran.append("p")

    def run_campaign(self, phase: str, configs: Mapping[str, Any]) -> None:
        self.campaigns += 1
        self.last = configs["w"]
        assert self.campaigns < MOST_CAMPAIGNS, "it submits without end"
        for config in configs.values():
            for nodes in config["nodes"]:
                for _ in range(config["repeats"]):
                    self.runs.append(self.made(len(self.runs), nodes))


def config(**more: Any) -> dict[str, Any]:
    cluster = {"scheduler": "local", "threads_per_rank": None, "cores_per_node": None, "ranks_per_node": 1}
    found = {"mode": "training", "nodes": [4], "repeats": 5, "seed": 1, "scale": {"mode": "weak"}, "cluster": cluster}
    return {**found, "benchmark": {"training": {"global_batch_size": None}}, **more}


def failed(number: int, nodes: int = 4) -> Measurement:
    return run(
        number, nodes, state="failed", throughput=None, time_to_accuracy=None, quality=None, source=None, ended=None
    )


SLOW_AND_FAST = [90.0, 100.0]
"""So far apart that no number of repeats decides whether their mean is above 95."""


@pytest.mark.parametrize(
    "speed",
    [
        check("variation", quantity="throughput", bound=ALIKE_RUNS),
        check("reference", quantity="throughput", bound=SPEED),
        check("time_to_accuracy", bound={"value": 20.0, "lower": None, "upper": 0.1, "unit": "s"}),
        check("efficiency", nodes=[2, 4], bound={"value": 1.0, "lower": -0.1, "upper": None, "unit": "× ideal"}),
    ],
    ids=lambda one: str(one.check),
)
def test_of_runs_that_fail_no_more_are_submitted(speed: Check) -> None:
    acceptance = MadeUp([speed], config(nodes=[2, 4]), failed)
    assert {finding.outcome for finding in acceptance.run_phase("p")} == {"not measurable"}
    assert acceptance.campaigns == 1
    four_good = MadeUp([speed], config(), lambda number, nodes: run(number, nodes) if number < 4 else failed(number))
    four_good.run_phase("p")
    assert four_good.campaigns <= 2


def test_where_every_other_run_fails_no_more_runs_are_made_than_the_check_may_have_values() -> None:
    def every_other(number: int, nodes: int) -> Measurement:
        return failed(number) if number % 2 else run(number, throughput=SLOW_AND_FAST[number // 2 % 2])

    acceptance = MadeUp([check("reference", quantity="throughput", bound=SPEED, limit=12)], config(), every_other)
    (found,) = acceptance.run_phase("p")
    assert (found.outcome, found.n, len(acceptance.runs)) == ("undecided", 6, 12)


def test_what_good_runs_leave_open_is_repeated_up_to_the_limit() -> None:
    def one_of_two(number: int, nodes: int) -> Measurement:
        return run(number, throughput=SLOW_AND_FAST[number % 2])

    acceptance = MadeUp([check("reference", quantity="throughput", bound=SPEED, limit=13)], config(), one_of_two)
    (found,) = acceptance.run_phase("p")
    assert (found.outcome, found.n, len(acceptance.runs)) == ("undecided", 13, 13)


def test_a_probes_limit_is_one_of_rounds_and_its_variation_is_one_between_runs() -> None:
    rounds = {"probe": {"rounds": 8, "pair_repeats": 8}}
    bound = {"value": 1.0, "lower": -0.02, "upper": None, "unit": "TFLOP/s"}
    speed = check("reference", quantity="matmul", bound=bound, limit=24)

    def made(number: int, nodes: int) -> Measurement:
        return probe([(0.93 if number % 2 else 1.03) * 1e12] * 4)

    at_the_bound = config(mode="probe", repeats=1, benchmark=rounds)
    acceptance = MadeUp([speed], at_the_bound, lambda number, nodes: probe([0.98e12] * 4))
    (found,) = acceptance.run_phase("p")
    assert (found.outcome, found.n, len(acceptance.runs)) == ("undecided", 24, 3)
    alike = check("variation", quantity="matmul", bound=ALIKE_RUNS, limit=6)
    acceptance = MadeUp([alike], config(mode="probe", repeats=1, benchmark=rounds), made)
    (found,) = acceptance.run_phase("p")
    assert (found.n, len(acceptance.runs)) == (6, 6)


def test_the_variation_of_what_no_run_measured_is_not_measurable() -> None:
    alike = check("variation", quantity="throughput", bound=ALIKE_RUNS)
    found = only(alike, *[failed(number) for number in range(5)], final=False)
    assert (found.outcome, found.why) == (
        "not measurable", "no value of throughput: no run completed that measures it"
    )  # fmt: skip
    assert only(alike, run(), final=False).outcome == "needs more"


def test_further_runs_have_the_threads_and_the_batch_of_those_before() -> None:
    """Of two node counts one is repeated: a plan of that one alone would give its ranks the cores of both."""
    settings: Any = {"training": {"global_batch_size": 64}}

    def made(number: int, nodes: int) -> Measurement:
        return run(number, nodes, throughput=SLOW_AND_FAST[number % 2], settings=settings, threads_per_rank=3)

    speed = check("reference", nodes=[4], quantity="throughput", bound=SPEED, limit=12)
    acceptance = MadeUp([speed], config(nodes=[1, 4], scale={"mode": "strong"}), made)
    acceptance.run_phase("p")
    assert acceptance.campaigns > 1 and acceptance.last["nodes"] == [4]
    assert acceptance.last["cluster"]["threads_per_rank"] == 3
    assert acceptance.last["benchmark"]["training"]["global_batch_size"] == 64
    acceptance = MadeUp([speed], config(nodes=[1, 4]), made)
    acceptance.run_phase("p")
    assert acceptance.last["benchmark"]["training"]["global_batch_size"] is None
