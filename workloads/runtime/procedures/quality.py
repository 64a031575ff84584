"""How good a run was, as its result says it: one form for all procedures."""

from __future__ import annotations

import math
from collections.abc import Mapping

from orchestrator.records import QualityResult
from orchestrator.records.settings import QualitySettings


def reaches(value: float, quality: QualitySettings) -> bool:
    """Whether a value of the metric is as good as the benchmark's ``quality`` settings want it; no value is, where they
    have no target.
    """
    target = quality["target"]
    if target is None:
        return False
    return value >= target if quality["higher_is_better"] else value <= target


def quality_entry(quality: QualitySettings, values: Mapping[str, float], reached: bool | None = None) -> QualityResult:
    """The result's entry, from the benchmark's ``quality`` settings and all metrics by name.

    The value is None where the metric was never measured. ``reached``: whether the target ever was, None: whether the
    value reaches it.
    """
    value = values.get(quality["metric"])
    return {
        "metric": quality["metric"],
        "value": value,
        "target": quality["target"],
        "basis": quality["basis"],
        "reached": (value is not None and reaches(value, quality)) if reached is None else reached,
        # A metric may be undefined here, as one of a class without samples; JSON has no word for that.
        "all": {name: number for name, number in values.items() if math.isfinite(number)},
    }
