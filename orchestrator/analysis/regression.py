"""Is this week slower than the weeks before? Compares a new set of repeats with one earlier set, or with several.

Values are compared by their logarithms, so effects are ratios. sets.py brings each set of repeats to one number, and
tracking.py follows these numbers from set to set: with what a new one is compared, what is found, and what stays open.
An alarm also needs an effect of at least ``minimum_effect``, since a significant change may still not matter.
tests/benchmarks/history_rates.py measures the rates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from orchestrator.analysis.change_tests import FEWEST, LONGEST, WEIGHT
from orchestrator.analysis.sets import Floats, summarise_sets
from orchestrator.analysis.statistics import CONFIDENCE, t_quantile
from orchestrator.analysis.tracking import (
    ALPHA,
    DRIFTING,
    FASTER,
    NEW,
    SET_SHARE,
    SLOWER,
    STEADY,
    WINDOW,
    Tracks,
    follow_sets,
)

Verdict = Literal["slower", "faster", "drifting", "no change", "too noisy", "not enough runs"]

MINIMUM_EFFECT = 0.02
SOUGHT_EFFECT = 0.05
"""Change that a comparison must be able to find. If it cannot, the verdict is "not enough runs" where more of them
would find it, and "too noisy" where they would not."""
POWER = 0.95
NEEDED_LIMIT = 100
DEPENDENT = 2.0
"""Sets that tell as much as one, from which on the verdict on a noisy series says so."""
SOON = 5
"""Sets within which a change that stays is looked for in ``detectable_soon``."""
WORDS: Mapping[int, Verdict] = {SLOWER: "slower", FASTER: "faster", DRIFTING: "drifting"}


@dataclass(frozen=True)
class Comparison:
    """The comparison of the new set, or of the level that it belongs to, with the earlier ones.

    ``change`` is the relative change of speed, negative if slower, with its 95 % ``interval``; None if a side has no
    value. ``p`` is the two-sided probability of such a change by chance, ``adjusted_p`` the one for the family.
    ``detectable`` is the smallest slow-down found 95 times in 100 in its first set, ``detectable_soon`` within five.
    ``needed`` is the number of further repeats that would bring the former down to ``SOUGHT_EFFECT``: 0 if they
    suffice, None if repeats alone never would. ``since`` is the place, among the earlier sets and the new one, of the
    first set of a change that is open. ``earlier_sets`` of ``earlier_n`` repeats are those of the base; ``alike`` is
    how many neighbouring ones told as much as one that is independent of the others.
    """

    verdict: Verdict
    change: float | None
    interval: tuple[float, float] | None
    p: float | None
    adjusted_p: float | None
    detectable: float | None
    needed: int | None
    n: int
    earlier_sets: int
    earlier_n: int
    since: int | None = None
    detectable_soon: float | None = None
    alike: float = 1.0

    def __str__(self) -> str:
        """The verdict for people: "slower by 7 % [5, 9]"."""
        if self.verdict == "not enough runs":
            more = f"{self.needed} more" if self.needed else "more"
            if not self.earlier_sets and self.n > 1:
                return "not enough runs: the first set of this series, with nothing before it to compare with"
            weeks = max(1, FEWEST - self.earlier_sets)
            sets = f"{weeks} more week{'s' if weeks > 1 else ''} of history"
            return f"not enough runs: needs {sets if self.needed is None else more}"
        if self.verdict == "too noisy" and self.detectable is not None:
            stays = self.detectable_soon
            soon = "" if stays is None else f", {100 * stays:.0f} % where it stays for {SOON} sets"
            limited = "" if self.needed != NEEDED_LIMIT else " or more"
            more = f"{self.needed}{limited} more repeats a set" if self.needed else "only a quieter machine"
            why = ", since neighbouring sets depend on each other," if self.alike >= DEPENDENT else ""
            return (
                f"too noisy{why} to tell less than {100 * self.detectable:.0f} % at once{soon}; {more} would show less"
            )
        if self.verdict == "no change" or self.change is None or self.interval is None:
            return self.verdict
        ends = sorted(100 * abs(end) if end * self.change > 0 else -100 * abs(end) for end in self.interval)
        return f"{self.verdict} by {100 * abs(self.change):.0f} % [{ends[0]:.0f}, {ends[1]:.0f}]"


@dataclass(frozen=True)
class Series:
    """One metric of one (benchmark, cluster, nodes, recipe, data set): the new repeats, and the earlier sets oldest
    first.

    Values are positive; a set without any is one that was not measured. ``higher_is_faster`` is True for throughputs
    and False for times. ``begins`` is the place of the set with which the base begins: the last accepted change.
    """

    current: Sequence[float]
    earlier: Sequence[Sequence[float]]
    higher_is_faster: bool = True
    minimum_effect: float = MINIMUM_EFFECT
    sought_effect: float = SOUGHT_EFFECT
    begins: int = 0


def compare_series(series: Mapping[str, Series] | Sequence[Series], window: int = WINDOW) -> list[Comparison]:
    """Judge all series at once, as one family, in their order. Raises ValueError if a value is not positive.

    The last of the earlier sets of every series are those of the same time; ``window`` is the most of them that make
    the base.
    """
    items = list(series.values()) if isinstance(series, Mapping) else list(series)
    if not items:
        return []
    logs, offsets = align_sets(items)
    sets = summarise_sets(logs)
    begins = np.asarray(
        [item.begins + offset if item.begins else 0 for item, offset in zip(items, offsets, strict=True)]
    )
    tracks = follow_sets(sets, begins, np.asarray([item.minimum_effect for item in items]), window)
    return [
        judge_series(item, tracks, row, offset, window)
        for row, (item, offset) in enumerate(zip(items, offsets, strict=True))
    ]


def align_sets(items: Sequence[Series]) -> tuple[Floats, list[int]]:
    """Return (S, W, R) logarithms of speeds, each series' newest set last and NaN where there is no value, and the
    place of each series' first set. Raises ValueError if a value is not positive.
    """
    length = 1 + max(len(item.earlier) for item in items)
    repeats = max(1, max(len(values) for item in items for values in (item.current, *item.earlier)))
    logs = np.full((len(items), length, repeats), np.nan)
    for row, item in enumerate(items):
        sets = (*item.earlier, item.current)
        for place, values in enumerate(sets, start=length - len(sets)):
            logs[row, place, : len(values)] = values
    if not np.all((logs > 0) | np.isnan(logs)):
        raise ValueError(f"a throughput or time is positive, not {np.nanmin(logs)}")
    signs = np.asarray([1.0 if item.higher_is_faster else -1.0 for item in items])
    return signs[:, None, None] * np.log(logs), [length - 1 - len(item.earlier) for item in items]


def judge_series(item: Series, tracks: Tracks, row: int, offset: int, window: int) -> Comparison:
    """Return the verdict on one series of a family."""
    sets = int(tracks.sets[row])
    filled = [values for values in item.earlier if len(values)]
    since = int(tracks.since[row]) - offset if tracks.since[row] >= 0 else None
    before = [values for values in item.earlier[:since] if len(values)]
    earlier = before[-min(sets, window) :] if sets else filled[-window:]
    counts = (len(item.current), len(earlier), sum(len(values) for values in earlier))
    error, state = float(tracks.error[row]), int(tracks.states[row, -1])
    if state == NEW or not np.isfinite(error) or not len(item.current):
        return Comparison("not enough runs", None, None, None, None, None, max(1, 2 - len(item.current)), *counts)
    freedom = float(tracks.freedom[row])
    half = t_quantile((1 + CONFIDENCE) / 2, freedom) * error
    moved = float(tracks.change[row])
    interval = (float(np.expm1(moved - half)), float(np.expm1(moved + half)))
    found = (float(np.expm1(moved)), interval, finite(tracks.p[row]), finite(tracks.adjusted[row]))
    threshold = critical_t(freedom, int(tracks.family[row])) + t_quantile(POWER, freedom)
    detectable = float(-np.expm1(-threshold * tracks.set_error[row]))
    soon = None
    if sets >= FEWEST + LONGEST:
        soon = float(-np.expm1(-threshold * tracks.long_error[row] / (1 - (1 - WEIGHT) ** SOON)))
        soon = soon if soon < detectable else None
    verdict: Verdict = WORDS.get(state, "no change")
    needed: int | None = 0
    if state == STEADY and detectable > item.sought_effect and not is_change_excluded(item, moved, half):
        needed = repeats_needed(item, tracks, row, counts)
        verdict = "too noisy" if needed == NEEDED_LIMIT or (needed is None and sets >= FEWEST) else "not enough runs"
    return Comparison(verdict, *found, detectable, needed, *counts, since, soon, float(tracks.alike[row]))


def finite(value: float) -> float | None:
    """Return the number, or None for NaN."""
    return float(value) if np.isfinite(value) else None


def critical_t(freedom: float, family: int) -> float:
    """Return Student's t that a change must exceed to be found at once in any family of this size."""
    return t_quantile(1 - ALPHA * SET_SHARE / (2 * max(1, family)), freedom)


def is_change_excluded(item: Series, change: float, half: float) -> bool:
    """Whether the interval, taken twice as wide, excludes any change of the sought size."""
    return bool(abs(change) + 2 * half < -np.log1p(-item.sought_effect))


def repeats_needed(item: Series, tracks: Tracks, row: int, counts: tuple[int, int, int]) -> int | None:
    """Return how many further repeats of the new set (and of a single earlier set) would show ``sought_effect``.

    None if the spread is between sets, which repeats do not reduce.
    """
    if tracks.between[row]:
        return None
    n, sets, earlier_n = counts
    target = -float(np.log1p(-item.sought_effect))
    per_value = float(tracks.set_error[row]) ** 2 / (1 / n + 1 / max(1, earlier_n))
    for more in range(1, NEEDED_LIMIT):
        # A single earlier set grows along; a window of weeks stays as it is.
        below = earlier_n + more if sets == 1 else earlier_n
        freedom = float(tracks.freedom[row]) + more * (2 if sets == 1 else 1)
        error = float(np.sqrt(per_value * (1 / (n + more) + 1 / max(1, below))))
        if (critical_t(freedom, int(tracks.family[row])) + t_quantile(POWER, freedom)) * error <= target:
            return more
    return NEEDED_LIMIT
