"""Sets of repeats, each brought to one number: the level at which most of its repeats ran.

Something else on a machine makes single runs slow, never fast. So a repeat far below its set's upper quartile is left
out of the set's mean: up to half of a set may be disturbed without moving it much, and undisturbed noise loses little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special

Floats = npt.NDArray[np.float64]

CUT = 3.5
"""Standard deviations below the upper quartile beyond which a repeat was disturbed."""


@dataclass(frozen=True)
class Sets:
    """S series of W sets, NaN and 0 where a series has no set.

    ``centres`` (S, W) are means of logarithms of the speed, without disturbed repeats, of which ``counts`` were kept;
    ``squares`` are the kept repeats' squared deviations from them, added up.
    """

    centres: Floats
    counts: npt.NDArray[np.int64]
    squares: Floats


def summarise_sets(logs: Floats) -> Sets:
    """Return the sets of (S, W, R) logarithms of speeds, padded with NaN where a set has fewer repeats.

    The scale of a series' noise at one set is that of the sets up to it: later ones do not change what was known.
    """
    ordered = np.sort(logs, axis=2)
    present = ~np.isnan(ordered)
    n = present.sum(axis=2)
    filled = np.where(present, ordered, 0.0)

    def at(place: Floats) -> Floats:
        """Return the order statistic at a place, between neighbours by a straight line."""
        low = np.clip(np.floor(place), 0, np.maximum(n - 1, 0)).astype(np.int64)
        high = np.minimum(low + 1, np.maximum(n - 1, 0))
        values = [np.take_along_axis(filled, index[:, :, None], axis=2)[:, :, 0] for index in (low, high)]
        return np.asarray(values[0] + (place - low) * (values[1] - values[0]))

    last = np.maximum(n - 1, 0).astype(np.float64)
    # From the median to the fastest repeat: disturbed repeats are below both.
    gaps = np.where(n > 1, (at(last) - at(last / 2)) / expected_gap(n), 0.0)
    several = np.cumsum(n > 1, axis=1)
    scale = np.cumsum(gaps, axis=1) / np.maximum(several, 1)
    quartile = at(0.75 * last)[:, :, None]
    # What a single set shows of its noise may be far too little.
    cut = CUT * (1 + 1 / np.maximum(several, 1)) * scale
    kept = present & (np.abs(filled - quartile) <= cut[:, :, None] + 1e-12)
    kept |= ~(several > 0)[:, :, None] & present
    counts = kept.sum(axis=2)
    centres = np.where(counts > 0, np.sum(filled * kept, axis=2) / np.maximum(counts, 1), np.nan)
    deviations = np.where(kept, filled - np.nan_to_num(centres)[:, :, None], 0.0)
    return Sets(centres, counts, np.sum(deviations**2, axis=2))


def expected_gap(n: npt.NDArray[np.int64]) -> Floats:
    """Return the expected distance from median to greatest of n standard normal values (Blom 1958)."""
    return np.asarray(special.ndtri((np.maximum(n, 2) - 0.375) / (np.maximum(n, 2) + 0.25)))
