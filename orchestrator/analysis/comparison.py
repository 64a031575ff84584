"""Recipes of one benchmark side by side. Only runs on the same data, machine and scale are compared."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.analysis.epochs import Epochs, common_epochs


@dataclass(frozen=True)
class Conditions:
    """What compared runs share: all but their recipe. ``checksum`` is the data set's, ``unit`` the throughput's.

    ``threads_per_rank`` follows from a campaign's largest scale on one machine: None where it was not recorded.
    """

    benchmark: str
    method: str
    cluster: str
    comm: str
    mode: str
    scale: str
    nodes: int
    ranks: int
    threads_per_rank: int | None
    checksum: str | None
    unit: str


@dataclass(frozen=True)
class RecipeRun:
    """A completed run of a recipe. ``throughput``, of the whole run, and ``warm``, of its warm epochs, are in the
    conditions' unit; ``warm`` is None without any. The fractions are of the warm epochs where there are any, None where
    no peak is stated.
    """

    conditions: Conditions
    recipe: str
    throughput: float
    warm: float | None
    of_bf16_peak: float | None
    of_memory_bandwidth: float | None
    metric: str | None
    quality: float | None
    target: float | None
    time_to_accuracy_s: float | None

    def rate(self, epochs: Epochs) -> float:
        """Its throughput over those epochs, which it has."""
        return self.warm if epochs == "warm" and self.warm else self.throughput

    def fraction(self, of_peak: float | None, epochs: Epochs) -> float | None:
        """What one of its fractions is over those epochs."""
        return None if of_peak is None else of_peak * self.rate(epochs) / self.rate("warm")


@dataclass(frozen=True)
class RecipeSummary:
    """A recipe's ``n`` runs: medians over them. Its ``rate`` is over the same ``epochs`` as the others'.
    ``time_to_accuracy_s`` is that of the ``reached`` runs that reached the target, ``speedup`` relative to the first
    recipe under these conditions.
    """

    conditions: Conditions
    recipe: str
    n: int
    epochs: Epochs
    rate: float
    speedup: float
    of_bf16_peak: float | None
    of_memory_bandwidth: float | None
    metric: str | None
    quality: float | None
    target: float | None
    time_to_accuracy_s: float | None
    reached: int


def median_known(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that are known, None if none is."""
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def compare_recipes(runs: Iterable[RecipeRun]) -> list[RecipeSummary]:
    """Return a summary of each recipe where two or more of them completed under the same conditions."""
    groups: dict[Conditions, dict[str, list[RecipeRun]]] = {}
    for run in runs:
        groups.setdefault(run.conditions, {}).setdefault(run.recipe, []).append(run)
    return [item for recipes in groups.values() if len(recipes) > 1 for item in compare_group(list(recipes.values()))]


def compare_group(recipes: Sequence[Sequence[RecipeRun]]) -> list[RecipeSummary]:
    """Return the summary of each recipe, given by its runs; the first one is the base of the speedups. Warm epochs are
    compared where every run has some.
    """
    epochs = common_epochs(run.warm for runs in recipes for run in runs)
    base = statistics.median(run.rate(epochs) for run in recipes[0])
    found = []
    for runs in recipes:
        first, rate = runs[0], statistics.median(run.rate(epochs) for run in runs)
        found.append(
            RecipeSummary(
                conditions=first.conditions,
                recipe=first.recipe,
                n=len(runs),
                epochs=epochs,
                rate=rate,
                speedup=rate / base,
                of_bf16_peak=median_known(run.fraction(run.of_bf16_peak, epochs) for run in runs),
                of_memory_bandwidth=median_known(run.fraction(run.of_memory_bandwidth, epochs) for run in runs),
                metric=first.metric,
                quality=median_known(run.quality for run in runs),
                target=first.target,
                time_to_accuracy_s=median_known(run.time_to_accuracy_s for run in runs),
                reached=sum(run.time_to_accuracy_s is not None for run in runs),
            )
        )
    return found
