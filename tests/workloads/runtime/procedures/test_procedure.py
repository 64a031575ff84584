"""Which procedure a run has, and what its result says of quality."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from workloads.runtime.procedures.procedure import procedure_path
from workloads.runtime.procedures.quality import quality_entry

OWN = "workloads.probe.procedure:HealthProbe"


@pytest.mark.parametrize(
    ("mode", "settings", "expected"),
    [
        ("training", {"task": "a:Task"}, "workloads.runtime.procedures.training_run:Training"),
        ("inference", {"task": "a:Task"}, "workloads.runtime.procedures.inference:Inference"),
        ("probe", {"task": None, "procedure": OWN}, OWN),
        ("probe", {"task": OWN}, OWN),
    ],
    ids=["training", "inference", "a benchmark's own", "a benchmark's own in version 0.1"],
)
def test_a_run_does_what_its_mode_says_or_else_what_its_benchmark_says(
    mode: str, settings: dict[str, Any], expected: str
) -> None:
    spec: Any = SimpleNamespace(mode=mode, settings=settings)
    assert procedure_path(spec) == expected


@pytest.mark.parametrize(
    ("value", "higher_is_better", "ever", "reached"),
    [(0.9, True, None, True), (0.9, False, None, False), (0.5, True, True, True), (None, True, None, False)],
)
def test_the_quality_entry_says_whether_the_target_is_reached(
    value: float | None, higher_is_better: bool, ever: bool | None, reached: bool
) -> None:
    settings: Any = {"metric": "accuracy", "target": 0.8, "basis": "chosen", "higher_is_better": higher_is_better}
    values = {} if value is None else {"accuracy": value, "recall": 0.1}
    entry = quality_entry(settings, values, ever)
    assert (entry["value"], entry["reached"], entry["all"]) == (value, reached, values)
