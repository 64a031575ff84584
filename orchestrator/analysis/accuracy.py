"""Quality against time: the curve that the repeats of a training share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def median_curve(curves: Sequence[Sequence[tuple[float, float | None]]]) -> list[tuple[float, float]]:
    """Return (seconds, median quality over the curves) at every time at which one of them was evaluated.

    ``curves`` are (seconds, quality) by time. Between two evaluations a curve is a straight line; after its last one it
    is constant. A repeat that stopped at its target stays there, so the median crosses the target when half of the
    repeats have. The result begins where every curve has begun, and is empty with fewer than two curves.
    """
    measured = [np.asarray(curve, np.float64) for curve in curves if len(curve)]
    if len(measured) < 2:
        return []
    begin = max(float(curve[0, 0]) for curve in measured)
    times = np.unique(np.concatenate([curve[:, 0] for curve in measured]))
    times = times[times >= begin]
    values = np.median([np.interp(times, curve[:, 0], curve[:, 1]) for curve in measured], axis=0)
    return [(float(time), float(value)) for time, value in zip(times, values, strict=True)]
