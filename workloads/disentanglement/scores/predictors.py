"""Scores of linear classifiers from codes to a factor's values (in bins), on samples that they were not fitted to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.svm import LinearSVC

from workloads.disentanglement.scores.samples import Codes, Factors, Places, into_bins, two_parts

SUPPORT_C = 0.01
"""Regularisation of SAP's support-vector machines, as in disentanglement_lib."""


def sap(codes: Codes, factors: Factors, random: np.random.Generator) -> float:
    """Separated attribute predictability: the mean over factors of the gap between the accuracies of the two single
    codes that tell it best.

    Kumar et al. 2018, arXiv:1711.00848, for factors of classes.
    """
    accuracies = np.sort(measure_accuracies(codes, factors, *two_parts(len(codes), random)), axis=1)
    return float(np.mean(accuracies[:, -1] - accuracies[:, -2]))


def measure_accuracies(codes: Codes, factors: Factors, fitted: Places, tested: Places) -> npt.NDArray[np.float64]:
    """Return how often each code alone tells each factor's value among the ``tested`` samples, (k, d), through a linear
    support-vector machine with balanced classes.
    """
    accuracies = np.ones((factors.shape[1], codes.shape[1]))
    for row, values in zip(accuracies, into_bins(factors).T, strict=True):
        # Of few samples, those to fit to may have one value alone: then no code is better than another.
        if np.ptp(values[fitted]):
            machine = LinearSVC(C=SUPPORT_C, class_weight="balanced", dual=False)
            for place, code in enumerate(codes.T[..., None]):
                row[place] = machine.fit(code[fitted], values[fitted]).score(code[tested], values[tested])
    return accuracies


def explicitness(codes: Codes, factors: Factors, random: np.random.Generator) -> float:
    """How well all codes together tell each value of a factor from its others: twice the area under the ROC curve of
    logistic regressions with balanced classes, less 1; the mean over values, then over factors. 0 if no code varies.

    Ridgeway and Mozer 2018, arXiv:1802.05312.
    """
    fitted, tested = two_parts(len(codes), random)
    varying = codes[:, np.ptp(codes[fitted], axis=0) > 0]
    if not varying.shape[1]:
        return 0.0
    of_factors = []
    for values in into_bins(factors).T:
        areas = []
        for value in np.unique(values):
            is_value = values == value
            if is_value[fitted].any() and not is_value[fitted].all() and 0 < is_value[tested].mean() < 1:
                model = LogisticRegression(class_weight="balanced", solver="newton-cholesky")
                scores = model.fit(varying[fitted], is_value[fitted]).decision_function(varying[tested])
                areas.append(2 * float(roc_auc_score(is_value[tested], scores)) - 1)
        of_factors.append(float(np.mean(areas)) if areas else 0.0)
    return float(np.mean(of_factors))
