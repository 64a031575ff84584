"""Which factors there are scores of: known before anything is trained. Imports no library of learning, which takes a
second of every command that looks at data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

BINS = 10
"""Equal parts of its range that a code, and a factor of more classes than that, is divided into."""


def factor_trouble(factors: npt.NDArray[np.generic], names: Sequence[str] = ()) -> str:
    """Return what is wrong with factors (n, k), empty if nothing is.

    ``names`` are the factors'. A data set with continuous factors gives ``into_bins`` of them.
    """
    if factors.ndim != 2 or factors.shape[1] < 2:
        return f"factors have shape {factors.shape}: scores compare factors and want (samples, 2 or more)"
    if not np.issubdtype(factors.dtype, np.integer):
        return f"factors are {factors.dtype} and so continuous: scores take classes, as into_bins makes them"
    if len(factors) <= BINS:
        return f"there are {len(factors)} samples: more than the {BINS} bins of a code are needed"
    constant = np.flatnonzero(np.ptp(factors, axis=0) == 0).tolist()
    if constant:
        named = ", ".join(names[column] if names else str(column) for column in constant)
        return f"constant factors: {named}. Leave out what does not vary, or take samples in which it does"
    return ""
