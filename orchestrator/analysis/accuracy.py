"""Quality against time: what the repeats of a training have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def median_curve(curves: Sequence[Sequence[tuple[float, float]]]) -> list[tuple[float, float]]:
    """(seconds, median quality over the curves) at every time at which one of them was evaluated.

    ``curves`` are (seconds, quality), by time. A repeat counts as it stands between two of its evaluations, on the
    straight line between them, and after its last one as it ended: one that stopped at its target stays there, so the
    median crosses the target when half of the repeats have. It begins where every repeat has been evaluated. Empty
    with fewer than two curves.
    """
    measured = [np.asarray(curve, np.float64) for curve in curves if len(curve)]
    if len(measured) < 2:
        return []
    begin = max(float(curve[0, 0]) for curve in measured)
    times = np.unique(np.concatenate([curve[:, 0] for curve in measured]))
    times = times[times >= begin]
    values = np.median([np.interp(times, curve[:, 0], curve[:, 1]) for curve in measured], axis=0)
    return [(float(time), float(value)) for time, value in zip(times, values, strict=True)]
