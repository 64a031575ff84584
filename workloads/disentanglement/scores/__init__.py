"""How well codes tell factors apart: pure functions of codes (n, d) and factors (n, k)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 10


def evaluate(
    codes: npt.NDArray[np.floating], factors: npt.NDArray[np.integer], random: np.random.Generator, forests: bool
) -> dict[str, float]:
    """The scores of codes (n, d) for the classes of factors (n, k), by name."""
    binned = [bins_of(column) for column in codes.T]
    entropies = [mutual_information(factor, factor) for factor in factors.T]
    information = np.array([[mutual_information(code, factor) for factor in factors.T] for code in binned])
    best, gaps = np.zeros(len(entropies)), np.sort(information, axis=1)
    for row, gap in zip(information, gaps[:, -1] - gaps[:, -2], strict=True):
        best[row.argmax()] = max(best[row.argmax()], gap)
    return {"dcimig": float(best.sum() / sum(entropies))}


def bins_of(column: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """The bin of each value (n,) among ten of equal width."""
    spread = float(np.ptp(column)) or 1.0
    bins: npt.NDArray[np.int64] = np.minimum((column - column.min()) / spread * BINS, BINS - 1).astype(np.int64)
    return bins


def mutual_information(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> float:
    """Of two classes (n,), bit."""
    joint = np.zeros((int(one.max()) + 1, int(other.max()) + 1))
    np.add.at(joint, (one, other), 1 / len(one))
    apart = joint.sum(1, keepdims=True) * joint.sum(0, keepdims=True)
    there = joint > 0
    return float((joint[there] * np.log2(joint[there] / apart[there])).sum())
