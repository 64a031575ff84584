"""Judges repeats against a reference ``(value, lower, upper, unit)``, and may ask for more repeats.

A check passes if the confidence interval lies within the bounds, fails if it lies outside, and needs more repeats while
the interval contains a bound. A look after every repeat gives chance more opportunities, so the error is shared out
over all looks that the limit allows (Bonferroni, which holds for any stopping rule among them). Over the whole
sequence, a machine beyond a bound passes, or one within them fails, with a probability of at most (1 − confidence) ÷ 2.
tests/benchmarks/acceptance_rates.py measures the rates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from orchestrator.analysis.statistics import CONFIDENCE, t_quantile

Outcome = Literal["pass", "fail", "needs more", "undecided"]

FIRST = 5
LIMIT = 15


@dataclass(frozen=True)
class Reference:
    """An expected value with bounds relative to it, as in ReFrame: (1000, −0.05, None, "samples/s") is at least 950
    samples/s.

    Raises ValueError for bounds that no value can meet, and for a missing unit.
    """

    value: float
    lower: float | None
    upper: float | None
    unit: str

    def __post_init__(self) -> None:
        if not self.unit:
            raise ValueError(f"the reference {self.value} has no unit; write (value, lower, upper, unit)")
        if not self.value > 0:
            raise ValueError(f"the reference value {self.value} {self.unit} is not positive")
        if self.lower is not None and not -1 < self.lower <= 0:
            raise ValueError(f"the lower bound {self.lower} is not between −1 and 0: bounds are relative to the value")
        if self.upper is not None and not self.upper >= 0:
            raise ValueError(f"the upper bound {self.upper} is not 0 or more: bounds are relative to the value")
        if self.lower is None and self.upper is None:
            raise ValueError(f"the reference {self.value} {self.unit} has neither lower nor upper bound")

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest acceptable value, in the unit; infinite without a bound."""
        low = self.value * (1 + self.lower) if self.lower is not None else -np.inf
        high = self.value * (1 + self.upper) if self.upper is not None else np.inf
        return float(low), float(high)


@dataclass(frozen=True)
class Judgement:
    """The outcome, the geometric mean of the repeats and the interval that decided it, in the reference's unit.

    ``needed`` estimates how many further repeats would decide: 0 once decided or at the limit.
    """

    outcome: Outcome
    value: float
    interval: tuple[float, float]
    bounds: tuple[float, float]
    unit: str
    n: int
    needed: int


@dataclass(frozen=True)
class Looks:
    """The looks at a check: at ``first`` repeats and after each further one, up to ``limit``."""

    first: int = FIRST
    limit: int = LIMIT

    def __post_init__(self) -> None:
        if not 2 <= self.first <= self.limit:
            raise ValueError(f"2 ≤ first ≤ limit does not hold for first={self.first}, limit={self.limit}")

    @property
    def count(self) -> int:
        """Number of looks that share the error."""
        return self.limit - self.first + 1


@dataclass(frozen=True)
class Sample:
    """Mean of logarithms, its standard error and degrees of freedom."""

    mean: float
    error: float
    freedom: float
    n: int


def log_sample(values: Sequence[float]) -> Sample:
    """Return the sample of at least two positive values. Raises ValueError otherwise."""
    if len(values) < 2:
        raise ValueError(f"an interval needs at least two repeats, not {len(values)}")
    data = np.asarray(values, np.float64)
    if not np.all(np.isfinite(data) & (data > 0)):
        raise ValueError(f"a check needs positive numbers, not {data.min()}")
    logs = np.log(data)
    return Sample(float(logs.mean()), float(logs.std(ddof=1) / np.sqrt(len(logs))), len(logs) - 1, len(logs))


def log_ratio(values: Sequence[float], base: Sequence[float]) -> Sample:
    """Return the sample of values ÷ base, with Welch's (1947) degrees of freedom. It carries the base's uncertainty
    too.
    """
    top, bottom = log_sample(values), log_sample(base)
    squared = top.error**2 + bottom.error**2
    spread = top.error**4 / top.freedom + bottom.error**4 / bottom.freedom
    freedom = squared**2 / spread if spread > 0 else top.freedom + bottom.freedom
    return Sample(top.mean - bottom.mean, float(np.sqrt(squared)), freedom, top.n)


def judge_repeats(
    values: Sequence[float], reference: Reference, rule: Looks | None = None, confidence: float = CONFIDENCE
) -> Judgement:
    """Judge repeats, in the order of their measurement, against a reference.

    Fewer than ``rule.first`` repeats always need more. Only the first ``rule.limit`` repeats count.
    """
    rule = rule or Looks()
    values = values[: rule.limit]
    if len(values) < 2:
        value = float(values[0]) if values else np.nan
        missing = rule.first - len(values)
        return Judgement("needs more", value, (-np.inf, np.inf), reference.bounds, reference.unit, len(values), missing)
    return decide_outcome(log_sample(values), reference, rule, confidence)


def judge_efficiency(
    throughput: Sequence[float],
    base: Sequence[float],
    scale: float,
    reference: Reference,
    rule: Looks | None = None,
    confidence: float = CONFIDENCE,
) -> Judgement:
    """Judge the efficiency T(N) ÷ (scale · T(N₀)), with ``scale`` = N ÷ N₀, against a reference.

    Both sides are repeated; the side with fewer repeats counts. Only the first ``rule.limit`` repeats of each count.
    """
    rule = rule or Looks()
    throughput, base = throughput[: rule.limit], base[: rule.limit]
    found = log_ratio(throughput, base)
    shifted = Sample(found.mean - float(np.log(scale)), found.error, found.freedom, min(len(throughput), len(base)))
    return decide_outcome(shifted, reference, rule, confidence)


def interval_half_width(found: Sample, rule: Looks, confidence: float) -> float:
    """Return half of the width of the interval at one look, in logarithms."""
    return t_quantile(1 - (1 - confidence) / (2 * rule.count), found.freedom) * found.error


def decide_outcome(found: Sample, reference: Reference, rule: Looks, confidence: float) -> Judgement:
    """Return the judgement: where the interval lies relative to the bounds."""
    half = interval_half_width(found, rule, confidence)
    low, high = float(np.exp(found.mean - half)), float(np.exp(found.mean + half))
    least, most = reference.bounds
    outcome: Outcome
    if found.n < rule.first:
        outcome = "needs more"
    elif low >= least and high <= most:
        outcome = "pass"
    elif high < least or low > most:
        outcome = "fail"
    else:
        outcome = "undecided" if found.n >= rule.limit else "needs more"
    needed = repeats_needed(found, reference, rule, confidence) if outcome == "needs more" else 0
    value = float(np.exp(found.mean))
    return Judgement(outcome, value, (low, high), reference.bounds, reference.unit, found.n, needed)


def repeats_needed(found: Sample, reference: Reference, rule: Looks, confidence: float) -> int:
    """Return how many further repeats would move the interval clear of the nearest bound, if mean and spread stay as
    they are. The limit caps it.
    """
    finite = [abs(found.mean - float(np.log(bound))) for bound in reference.bounds if 0 < bound < np.inf]
    distance = min(finite)
    for n in range(max(rule.first, found.n + 1), rule.limit):
        error = found.error * float(np.sqrt(found.n / n))
        if interval_half_width(Sample(found.mean, error, n - 1, n), rule, confidence) <= distance:
            return n - found.n
    return rule.limit - found.n
