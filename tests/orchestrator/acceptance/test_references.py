"""References: what is proposed of runs, on which side it bounds, and which runs it judges."""

from __future__ import annotations

from typing import Any

import pytest
from acceptance_runs import run

from orchestrator.acceptance.propose import Choice, propose_reference
from orchestrator.acceptance.quantities import QUANTITIES
from orchestrator.acceptance.references import parse_entries
from orchestrator.errors import UsageError

ENTRY: dict[str, Any] = {
    "benchmark": "probe", "recipe": "small", "mode": "probe", "comm": "mpi", "nodes": 2, "quantity": "latency",
    "size": 8, "value": 10.0, "upper": 0.1, "unit": "µs", "basis": "made up",
}  # fmt: skip
VALUES = [100.0, 101.0, 102.0]


@pytest.mark.parametrize("quantity", ["latency", "temperature", "power", "time_to_accuracy", "throughput", "triad"])
def test_a_bound_that_is_given_goes_to_the_side_of_worse_machines(quantity: str) -> None:
    def sides(lower: float | None, upper: float | None) -> list[float | None]:
        found = propose_reference(VALUES, quantity, Choice("median", lower, upper), [run()])
        return [found["lower"], found["upper"]]

    if QUANTITIES[quantity].higher_is_better:
        assert sides(-0.2, None) == sides(-0.2, 0.3) == [-0.2, None]
        assert sides(None, 0.3) == sides(None, None) == [-0.05, None]
    else:
        assert sides(None, 0.3) == sides(-0.2, 0.3) == [None, 0.3]
        assert sides(-0.2, None) == sides(None, None) == [None, 0.05]


def test_a_bound_that_no_value_can_meet_is_not_proposed() -> None:
    for quantity, chosen in (("throughput", Choice("median", 0.05, None)), ("latency", Choice("median", None, -0.05))):
        with pytest.raises(UsageError, match="bounds are relative to the value"):
            propose_reference(VALUES, quantity, chosen, [run()])


@pytest.mark.parametrize(
    ("quantity", "unit", "wrong", "missing"),
    [("latency", "µs", "lower", "upper"), ("triad", "GB/s", "upper", "lower")],
)
def test_a_reference_that_would_pass_any_slow_machine_is_refused(
    quantity: str, unit: str, wrong: str, missing: str
) -> None:
    values = {**ENTRY, "quantity": quantity, "unit": unit, "upper": None, wrong: -0.05 if wrong == "lower" else 0.05}
    with pytest.raises(UsageError, match=f"references: one: the bound has no {missing}"):
        parse_entries({"one": values}, "references")
    both = {**values, "lower": -0.05, "upper": 0.05}
    assert parse_entries({"one": both}, "references")["one"].quantity == quantity
