"""Recipes of one benchmark side by side. Only runs on the same data, machine and scale are compared."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

SAME = ("benchmark", "method", "cluster", "comm", "mode", "scale", "nodes", "ranks")

FRACTIONS = ("of_bf16_peak", "of_memory_bandwidth")


def median_fraction(runs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """Return the median over the runs of their fraction of a peak, None if no run has one."""
    found = [run["achieved"][name] for run in runs if run.get("achieved") and run["achieved"][name] is not None]
    return statistics.median(found) if found else None


def compare_recipes(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each recipe, from a report's run entries, where two or more recipes completed under the same
    conditions.

    Throughput (of the warm epochs where there are any; ``samples_per_s``, in ``unit``) and quality are medians over the
    repeats. Time to accuracy is the median of the ``reached`` repeats that reached the target. ``speedup`` is relative
    to the group's first recipe.
    ``of_bf16_peak`` and ``of_memory_bandwidth`` are None where no peak is stated.
    """
    groups: dict[tuple[Any, ...], dict[str, list[Mapping[str, Any]]]] = {}
    for run in runs:
        if run["state"] == "completed" and run["throughput"]["run"]:
            key = (*(run[name] for name in SAME), run["dataset"]["checksum"], run["throughput"]["unit"])
            groups.setdefault(key, {}).setdefault(run["recipe"], []).append(run)
    rows = []
    for key, recipes in groups.items():
        if len(recipes) < 2:
            continue
        base = None
        for recipe, members in recipes.items():
            rate = statistics.median(run["throughput"]["warm"] or run["throughput"]["run"] for run in members)
            base = base or rate
            values = [run["quality"]["value"] for run in members if run["quality"]["value"] is not None]
            times = [run["time_to_accuracy_s"] for run in members if run["time_to_accuracy_s"] is not None]
            rows.append(
                {
                    **dict(zip(SAME, key, strict=False)),
                    "recipe": recipe,
                    "n": len(members),
                    "unit": key[-1],
                    "samples_per_s": rate,
                    "speedup": rate / base,
                    **{name: median_fraction(members, name) for name in FRACTIONS},
                    "metric": members[0]["quality"]["metric"],
                    "quality": statistics.median(values) if values else None,
                    "target": members[0]["quality"]["target"],
                    "time_to_accuracy_s": statistics.median(times) if times else None,
                    "reached": len(times),
                }
            )
    return rows
