"""How well codes stand for the factors that samples were made from: pure functions of both, with their random numbers.

``evaluate`` gives all scores of codes and factors at once; ``jacobian.orthogonality`` looks at a decoder alone. This
benchmark's README.md has the formulas side by side, and what differs from the published codes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from workloads.disentanglement.scores.forests import dci
from workloads.disentanglement.scores.information import dcimig, jemmig, measure_information, mig, modularity
from workloads.disentanglement.scores.interventions import z_diff, z_min_var
from workloads.disentanglement.scores.predictors import explicitness, sap
from workloads.disentanglement.scores.samples import ScoreError, checked, into_bins, nothing

__all__ = ["ScoreError", "evaluate", "into_bins", "measure_information", "nothing"]


def evaluate(
    codes: npt.NDArray[np.floating],
    factors: npt.NDArray[np.integer],
    random: np.random.Generator,
    forests: bool,
    alive: Callable[[], None] = nothing,
    workers: int = 1,
) -> dict[str, float]:
    """Return all scores by name, of codes (n, d) and factors (n, k), which are classes. Raises ScoreError.

    Higher is better, and 1 is best, of all but ``constant_codes``, the number of codes that do not vary: they carry no
    information, and are scored so. ``forests`` adds DCI, which takes minutes where the others take seconds; it changes
    none of them, as each draws from a generator of its own, and has that many ``workers``. ``alive`` is called after
    each score, and every few seconds of a long one.
    """
    z, f = checked(codes, factors)
    drawing, pairing, separating, telling, growing = random.spawn(5)
    information = measure_information(z, f)
    parts: dict[str, Callable[[], float]] = {
        "z_diff": lambda: z_diff(z, f, pairing),
        "z_min_var": lambda: z_min_var(z, f, drawing),
        "jemmig": lambda: jemmig(information),
        "dcimig": lambda: dcimig(information),
        "mig": lambda: mig(information),
        "sap": lambda: sap(z, f, separating),
        "modularity": lambda: modularity(information),
        "explicitness": lambda: explicitness(z, f, telling),
        "constant_codes": lambda: float(np.sum(np.ptp(z, axis=0) == 0)),
    }
    scores = {}
    for name, part in parts.items():
        scores[name] = part()
        alive()
    return {**scores, **(dci(z, f, growing, alive=alive, workers=workers) if forests else {})}
