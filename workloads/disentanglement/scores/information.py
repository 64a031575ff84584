"""Scores of the mutual information between codes and factors, in bits, each in BINS bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.disentanglement.scorable import BINS
from workloads.disentanglement.scores.samples import Codes, Factors, into_bins

Bits = npt.NDArray[np.float64]

ROUNDING_BITS = 1e-12


@dataclass(frozen=True)
class Information:
    """What codes tell of factors: ``mutual`` (k, d), and their own entropies ``factors`` (k,) and ``codes`` (d,)."""

    mutual: Bits
    factors: Bits
    codes: Bits

    @property
    def joint(self) -> Bits:
        """Joint entropies (k, d): H(F, Z) = H(F) + H(Z) - I(F; Z)."""
        return self.factors[:, None] + self.codes[None, :] - self.mutual


def measure_information(codes: Codes, factors: Factors) -> Information:
    """Return mutual information and entropies from the tables of how often each pair of bins occurs.

    Of independent ones the mutual information is not 0 but about (BINS - 1)^2 / (2 n ln 2), for n samples.
    """
    z, f = into_bins(codes), into_bins(factors)
    counted = [[np.bincount(BINS * a + b, minlength=BINS**2) for b in z.T] for a in f.T]
    tables = np.array(counted, np.float64).reshape(f.shape[1], z.shape[1], BINS, BINS) / len(z)
    joint = _entropy(tables.reshape(*tables.shape[:2], BINS**2))
    of_factors, of_codes = _entropy(tables[:, 0].sum(axis=2)), _entropy(tables[0].sum(axis=1))
    mutual = of_factors[:, None] + of_codes[None, :] - joint
    # What a constant code tells is nothing, and not the rounding of these sums.
    return Information(np.where(mutual > ROUNDING_BITS, mutual, 0.0), of_factors, of_codes)


def mig(information: Information) -> float:
    """Mutual information gap: the mean over factors of (I1 - I2) / H(F), I1 and I2 the two largest over codes.

    Chen et al. 2018, arXiv:1802.04942.
    """
    first, second = _largest_two(information.mutual)
    return float(np.mean((first - second) / information.factors))


def jemmig(information: Information) -> float:
    """Joint entropy minus mutual information gap, turned round and normalised, so that 1 is best: the mean over factors
    of 1 - (H(F, Z) - I1 + I2) / (H(F) + log2 BINS), Z the code with the most information I1 about F; 0 where no code
    has any.

    Do and Tran 2020, arXiv:1908.09961. It rewards codes of little entropy: noise that is not uniform does not score 0.
    """
    first, second = _largest_two(information.mutual)
    joint = np.take_along_axis(information.joint, information.mutual.argmax(axis=1)[:, None], axis=1)[:, 0]
    scores = 1 - (joint - first + second) / (information.factors + np.log2(BINS))
    return float(np.mean(np.where(first > 0, scores, 0.0)))


def dcimig(information: Information) -> float:
    """The sum over factors of the largest gap among the codes that tell most of it, over the factors' entropies.

    A code's gap is that between its two largest informations, over factors. Sepliarskaia et al. 2020, arXiv:1910.05587.
    """
    first, second = _largest_two(information.mutual.T)
    gaps = np.zeros_like(information.mutual)
    gaps[information.mutual.argmax(axis=0), np.arange(len(first))] = first - second
    return float(gaps.max(axis=1).sum() / information.factors.sum())


def modularity(information: Information) -> float:
    """The mean over codes of 1 - sum of I^2 over all factors but the best / ((k - 1) I1^2); 0 for one without
    information.

    Ridgeway and Mozer 2018, arXiv:1802.05312.
    """
    squares = np.square(information.mutual)
    best = squares.max(axis=0)
    others = (squares.sum(axis=0) - best) / (len(squares) - 1)
    return float(np.mean(np.where(best > 0, 1 - others / np.where(best > 0, best, 1), 0.0)))


def _entropy(probabilities: npt.NDArray[np.float64]) -> Bits:
    """Bits, over the last axis."""
    logarithms = np.log2(probabilities, out=np.zeros_like(probabilities), where=probabilities > 0)
    bits: Bits = -(probabilities * logarithms).sum(axis=-1)
    return bits


def _largest_two(mutual: Bits) -> tuple[Bits, Bits]:
    ordered = np.sort(mutual, axis=1)
    return ordered[:, -1], ordered[:, -2]
