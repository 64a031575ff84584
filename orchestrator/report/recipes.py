"""The part of the report's document that compares recipes."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.analysis.comparison import Conditions, RecipeRun, RecipeSummary, compare_recipes
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.entries.series import RecipeEntry

FRACTIONS = ("of_bf16_peak", "of_memory_bandwidth")
"""Keys of a recipe's entry that are null where no peak is stated."""


def recipe_entries(runs: Sequence[RunEntry]) -> list[RecipeEntry]:
    """Return an entry for each recipe, where two or more recipes completed under the same conditions."""
    measured = [found for run in runs if (found := recipe_run(run)) is not None]
    return [recipe_entry(item) for item in compare_recipes(measured)]


def recipe_run(run: RunEntry) -> RecipeRun | None:
    """Return a run with the values that are compared; None if it did not complete or was not timed."""
    throughput, quality, achieved = run["throughput"], run["quality"], run["achieved"]
    if run["state"] != "completed" or not throughput["run"]:
        return None
    return RecipeRun(
        conditions=Conditions(
            benchmark=run["benchmark"],
            method=run["method"],
            cluster=run["cluster"],
            comm=run["comm"],
            mode=run["mode"],
            scale=run["scale"],
            nodes=run["nodes"],
            ranks=run["ranks"],
            threads_per_rank=run["threads_per_rank"],
            checksum=run["dataset"]["checksum"],
            unit=throughput["unit"],
        ),
        recipe=run["recipe"],
        throughput=throughput["run"],
        warm=throughput["warm"] or None,
        of_bf16_peak=achieved["of_bf16_peak"] if achieved else None,
        of_memory_bandwidth=achieved["of_memory_bandwidth"] if achieved else None,
        metric=quality["metric"],
        quality=quality["value"],
        target=quality["target"],
        time_to_accuracy_s=run["time_to_accuracy_s"],
    )


def recipe_entry(item: RecipeSummary) -> RecipeEntry:
    """Return one recipe."""
    same = item.conditions
    return {
        "benchmark": same.benchmark,
        "method": same.method,
        "cluster": same.cluster,
        "comm": same.comm,
        "mode": same.mode,
        "scale": same.scale,
        "nodes": same.nodes,
        "ranks": same.ranks,
        "recipe": item.recipe,
        "n": item.n,
        "unit": same.unit,
        "epochs": item.epochs,
        "samples_per_s": item.rate,
        "speedup": item.speedup,
        "of_bf16_peak": item.of_bf16_peak,
        "of_memory_bandwidth": item.of_memory_bandwidth,
        "metric": item.metric,
        "quality": item.quality,
        "target": item.target,
        "time_to_accuracy_s": item.time_to_accuracy_s,
        "reached": item.reached,
    }
