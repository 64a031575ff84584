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
from sklearn.model_selection import KFold, cross_validate

from workloads.disentanglement.scores.samples import Codes, Factors, two_parts


@dataclass(frozen=True)
class Search:
    """What a forest's settings are chosen from, by the least mean squared error over ``folds``."""

    depths: Sequence[int] = (8, 16, 32, 64, 128)
    candidates: Sequence[float] = (0.2, 0.4, 0.8, 1.0)
    """Part of the codes that a split is chosen from."""
    trees: int = 10
    folds: int = 10


PUBLISHED = Search()


def nothing() -> None:
    """Do nothing: the ``alive`` of callers that no watchdog watches."""


def dci(
    codes: Codes,
    factors: Factors,
    random: np.random.Generator,
    search: Search = PUBLISHED,
    alive: Callable[[], None] = nothing,
) -> dict[str, float]:
    """Return dci_disentanglement, dci_completeness, dci_informativeness, each from 0 to 1, and their mean dci.

    Informativeness is the mean over factors (scaled to 0 to 1) of 1 - 12 MSE on samples that the forest was not fitted
    to, or 0: a constant has an MSE of 1/12 on a uniform factor. ``alive`` is called after each setting that was tried.
    """
    fitted, tested = two_parts(len(codes), random)
    low, high = factors.min(axis=0), factors.max(axis=0)
    scaled = (factors - low) / (high - low)
    importances, informative = [], []
    for values in scaled.T:
        forest = fit_forest(codes[fitted], values[fitted], random, search, alive)
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
    values: npt.NDArray[np.float64],
    random: np.random.Generator,
    search: Search,
    alive: Callable[[], None],
) -> RandomForestRegressor:
    """Return a forest fitted to a factor's values (n,), with the settings of the least cross-validated error."""
    seed = int(random.integers(2**31))
    folds = KFold(min(search.folds, len(codes)))
    tried = []
    for candidates in search.candidates:
        for depth in sorted(search.depths):
            forest = RandomForestRegressor(search.trees, max_depth=depth, max_features=candidates, random_state=seed)
            scored = cross_validate(
                forest, codes, values, cv=folds, scoring="neg_mean_squared_error", return_estimator=True
            )
            alive()
            tried.append((-float(scored["test_score"].mean()), forest))
            # Trees that do not reach the limit are the same under a higher one.
            if max(tree.get_depth() for fitted in scored["estimator"] for tree in fitted.estimators_) < depth:
                break
    _, best = min(tried, key=lambda pair: pair[0])
    return best.fit(codes, values)


def _concentration(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 - the entropy of each row (r, c) to the base c; 0 for a row of zeros."""
    sums = rows.sum(axis=1, keepdims=True)
    parts = rows / np.where(sums > 0, sums, 1)
    logarithms = np.log(parts, out=np.zeros_like(parts), where=parts > 0)
    entropies = -(parts * logarithms).sum(axis=1) / np.log(rows.shape[1])
    return np.where(sums[:, 0] > 0, 1 - entropies, 0.0)
