"""Judges repeats against a reference ``(value, lower, upper, unit)``, and may ask for more repeats.

A check passes if the interval of the geometric mean (intervals.py) lies within the bounds, fails if it lies outside,
and needs more repeats while the interval contains a bound. Every look gives chance an opportunity, so the error is
spent by a plan (Lan and DeMets 1983): little at the first looks, where few repeats may happen to look alike, and most
at the last. To pass, an interval must hold clear of the bound with each end moved further out by GUARD times the
skewness towards it, since few runs of a slow-tailed machine look faster and more alike than it is. Over the whole
sequence, a machine beyond a bound passes, or one within them fails, with a probability of at most (1 − confidence) ÷ 2,
also where the noise has a slow tail; tests/benchmarks/acceptance_rates.py measures the rates. Repeats of one session
share the day: the outcome holds for the days on which they ran.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from orchestrator.analysis.intervals import LogSample, log_ratio, log_sample
from orchestrator.analysis.statistics import CONFIDENCE, t_quantile

Outcome = Literal["pass", "fail", "needs more", "undecided"]

FIRST = 5
LIMIT = 20
"""Most repeats. With 15, 23 % of machines with a spread of 2 % that are 2 % above their bound stay undecided, with 20
13 %, at the same error (tests/benchmarks/acceptance_rates.py)."""

SPENT, GROWTH = 0.6, 8
"""Part of the allowed error that the last look may take, and the power of n ÷ limit with which it grows up to that."""
AT_FIRST = 0.036
"""The part that the first look may take, so that a machine far from its bound is decided at once."""
GUARD = 1.5
"""Widening of an end per unit of skewness towards it."""


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

    def share(self, n: int, confidence: float) -> float:
        """Return the probability that the look at ``n`` repeats may be wrong on either side, for normal noise."""
        part = SPENT * (min(n, self.limit) / self.limit) ** GROWTH
        return (part if n > self.first else max(part, AT_FIRST)) * (1 - confidence) / 2


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


def judge_times_to_accuracy(times: Sequence[float | None], reference: Reference, rule: Looks) -> Judgement:
    """Judge MLPerf's olympic mean of at least four times, s; None is a run that missed its target, and the slowest.

    Only the first ``rule.limit`` runs count. Raises ValueError for fewer, or with more than one run that missed.
    """
    return decide_outcome(olympic_sample(times[: rule.limit]), reference, rule, CONFIDENCE)


def olympic_sample(times: Sequence[float | None]) -> LogSample:
    """Return the sample of the olympic mean. Its error is that of the mean of all logarithms, a little more than its
    own; a run that missed its target counts as the slowest that reached it. The skewness is the winsorised one.

    Raises ValueError for fewer than four times, for a time that is not positive, or with more than one None.
    """
    n, missed = len(times), sum(value is None for value in times)
    if n < 4 or missed > 1:
        raise ValueError(f"an olympic mean with an interval needs four runs, one of which may miss; not {list(times)}")
    reached = sorted(value for value in times if value is not None)
    ordered = np.asarray([*reached, *reached[-1:] * missed], np.float64)
    kept = ordered[1:-1]
    all_times, winsorised = log_sample(ordered), log_sample([kept[0], *kept, kept[-1]])
    return replace(all_times, mean=float(np.log(kept.mean())), skewness=winsorised.skewness)


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
    shifted = found.shifted(-float(np.log(scale)))
    return decide_outcome(shifted, reference, rule, confidence)


def look_interval(found: LogSample, rule: Looks, confidence: float, guard: float = 0.0) -> tuple[float, float]:
    """Return the ends of the interval at one look, in the values' unit."""
    half = t_quantile(1 - rule.share(found.n, confidence), found.freedom) * found.error
    below, above = (1 + guard * max(0.0, tail) for tail in (-found.skewness, found.skewness))
    return float(np.exp(found.mean - half * below)), float(np.exp(found.mean + half * above))


def decide_outcome(found: LogSample, reference: Reference, rule: Looks, confidence: float) -> Judgement:
    """Return the judgement: where the interval lies relative to the bounds."""
    low, high = look_interval(found, rule, confidence, GUARD)
    plain = look_interval(found, rule, confidence)
    least, most = reference.bounds
    outcome: Outcome
    if found.n < rule.first:
        outcome = "needs more"
    elif low >= least and high <= most:
        outcome = "pass"
    elif plain[1] < least or plain[0] > most:
        outcome, (low, high) = "fail", plain
    else:
        outcome = "undecided" if found.n >= rule.limit else "needs more"
    needed = repeats_needed(found, reference, rule, confidence) if outcome == "needs more" else 0
    value = float(np.exp(found.mean))
    return Judgement(outcome, value, (low, high), reference.bounds, reference.unit, found.n, needed)


def repeats_needed(found: LogSample, reference: Reference, rule: Looks, confidence: float) -> int:
    """Return how many further repeats would move the interval clear of the nearest bound, if mean and spread stay as
    they are. The limit caps it.
    """
    for n in range(max(rule.first, found.n + 1), rule.limit):
        error = found.error * float(np.sqrt(found.n / n))
        low, high = look_interval(replace(found, error=error, freedom=n - 1, n=n), rule, confidence, GUARD)
        if not any(low < bound < high for bound in reference.bounds):
            return n - found.n
    return rule.limit - found.n
