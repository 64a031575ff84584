"""DCI: disentanglement, completeness and informativeness, by random forests that predict factors from codes.

Eastwood and Williams 2018 (openreview By-7dz-AZ); with the forests of Zaidi et al. 2020, arXiv:2012.09276, whose depth
and number of candidate codes are chosen for each factor by cross-validation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import KFold

from workloads.disentanglement.scores.samples import Codes, Factors, nothing, two_parts

Values = npt.NDArray[np.float64]
"""A factor of n samples, (n,), scaled to 0 to 1."""


@dataclass(frozen=True)
class Search:
    """What a forest's settings are chosen from, by the least mean squared error over ``folds``."""

    depths: Sequence[int] = (8, 16, 32, 64, 128)
    candidates: Sequence[float] = (0.2, 0.4, 0.8, 1.0)
    """Part of the codes that a split is chosen from."""
    trees: int = 10
    folds: int = 10


PUBLISHED = Search()


def dci(
    codes: Codes,
    factors: Factors,
    random: np.random.Generator,
    search: Search = PUBLISHED,
    alive: Callable[[], None] = nothing,
    workers: int = 1,
) -> dict[str, float]:
    """Return dci_disentanglement, dci_completeness, dci_informativeness, each from 0 to 1, and their mean dci.

    Informativeness is the mean over factors (scaled to 0 to 1) of 1 - 12 MSE on samples that the forest was not fitted
    to, or 0: a constant has an MSE of 1/12 on a uniform factor. ``alive`` is called after each forest of the search;
    ``workers`` threads grow them, which changes no score.
    """
    fitted, tested = two_parts(len(codes), random)
    low, high = factors.min(axis=0), factors.max(axis=0)
    scaled = (factors - low) / (high - low)
    importances, informative = [], []
    for values in scaled.T:
        forest = fit_forest(codes[fitted], values[fitted], random, search, alive, workers)
        importances.append(forest.feature_importances_)
        error = np.mean(np.square(forest.predict(codes[tested]) - values[tested]))
        informative.append(max(0.0, 1 - 12 * float(error)))
    matrix = np.array(importances)
    scores = {
        "dci_disentanglement": disentanglement(matrix),
        "dci_completeness": completeness(matrix),
        "dci_informativeness": float(np.mean(informative)),
    }
    return {**scores, "dci": float(np.mean(list(scores.values())))}


def disentanglement(importances: npt.NDArray[np.float64]) -> float:
    """Return the mean over codes of 1 - H, weighted by their share of all importance, from importances (k, d): H is the
    entropy, to the base k, of how a code's importance is spread over the k factors.
    """
    weights = importances.sum(axis=0)
    return float((weights / (weights.sum() or 1.0)) @ _concentration(importances.T))


def completeness(importances: npt.NDArray[np.float64]) -> float:
    """Return the mean over factors of 1 - H, from importances (k, d): H is the entropy, to the base d, of how the
    importance for a factor is spread over the d codes.
    """
    return float(np.mean(_concentration(importances)))


def fit_forest(
    codes: Codes,
    values: Values,
    random: np.random.Generator,
    search: Search,
    alive: Callable[[], None],
    workers: int,
) -> RandomForestRegressor:
    """Return a forest fitted to a factor's values (n,), with the settings of the least cross-validated error.

    All depths are tried with one forest a fold, which is as deep as the greatest of them: see ``predict_at_depths``.
    """
    seed, depths = int(random.integers(2**31)), sorted(search.depths)
    folds = list(KFold(min(search.folds, len(codes))).split(codes))

    def forest_of(candidates: float, depth: int) -> RandomForestRegressor:
        return RandomForestRegressor(
            search.trees, max_depth=depth, max_features=candidates, random_state=seed, n_jobs=workers
        )

    errors = np.empty((len(search.candidates), len(folds), len(depths)))
    for of_candidates, candidates in zip(errors, search.candidates, strict=True):
        for of_fold, (fitted, tested) in zip(of_candidates, folds, strict=True):
            forest = forest_of(candidates, depths[-1]).fit(codes[fitted], values[fitted])
            found = predict_at_depths(forest, codes[tested], depths)
            of_fold[:] = np.square(found - values[tested]).mean(axis=1)
            alive()
    means = errors.mean(axis=1)
    best, depth = np.unravel_index(means.argmin(), means.shape)
    return forest_of(search.candidates[best], depths[depth]).fit(codes, values)


def predict_at_depths(forest: RandomForestRegressor, codes: Codes, depths: Sequence[int]) -> Values:
    """Return what a forest would say of codes (n, d) if its trees ended at each of the depths, (depths, n).

    A node's value is the mean of the samples that came to it, so a tree that is cut off at a depth is one that was
    grown to it. Growing one for each depth takes three times as long.
    """
    total = np.zeros((len(depths), len(codes)))
    for tree in forest.estimators_:
        paths = tree.decision_path(codes)
        lengths = np.diff(paths.indptr) - 1
        for row, depth in zip(total, depths, strict=True):
            # A sample's nodes stand in the order in which it comes to them, the root first.
            nodes = paths.indices[paths.indptr[:-1] + np.minimum(lengths, depth)]
            row += tree.tree_.value[nodes, 0, 0]
    return total / len(forest.estimators_)


def _concentration(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 - the entropy of each row (r, c) to the base c; 0 for a row of zeros."""
    sums = rows.sum(axis=1, keepdims=True)
    parts = rows / np.where(sums > 0, sums, 1)
    logarithms = np.log(parts, out=np.zeros_like(parts), where=parts > 0)
    entropies = -(parts * logarithms).sum(axis=1) / np.log(rows.shape[1])
    return np.where(sums[:, 0] > 0, 1 - entropies, 0.0)
