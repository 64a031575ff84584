"""Follows the levels of many series over their sets: which change, since when, and which changes are still open.

A series has a base: its sets since the last accepted change, as long as they are alike. Each new set is compared with
the base in two ways: by itself, which finds a large change at once, and by an exponentially weighted mean of the newest
sets against those before them (EWMA: Roberts 1959), which finds a small one that stays, and a drift. Both errors know
how alike neighbouring sets are, since weeks of a machine are rarely independent. All series of a set form one family:
Holm's procedure (1979) keeps the probability of any false alarm in it below ALPHA.

A change that is found stays open, and its sets do not become the base, until it is gone (the newest sets are nearer to
the base than to the changed level) or somebody accepted it. While it is open, a further change is sought against the
changed level: it grows, or what became faster becomes slower again.

tests/benchmarks/history_rates.py measures what is found and what is found falsely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special
from orchestrator.analysis.moderation import moderate_variances
from orchestrator.analysis.sets import Floats, Sets
from orchestrator.analysis.statistics import MAD_TO_SIGMA

Flags = npt.NDArray[np.bool_]
Whole = npt.NDArray[np.int64]

ALPHA = 0.01
"""Probability of any false alarm among the series compared at once."""
SET_SHARE, LONG_SHARE = 0.5, 0.25
"""Of that, what the comparison of the newest set and that of the newest sets together may take. The remainder is kept
for alarms that stay longer than a set."""
FASTER_PENALTY = 4
"""Factor of the probability that a speed-up is chance: it is less often one, and less urgent."""
WINDOW = 26
"""Most sets of the base that are compared with: half a year of weeks."""
LONGEST, WEIGHT = 10, 0.2
"""Sets that the long comparison weighs, and the newest one's weight."""
FEWEST = 5
"""Sets of the base that the long comparison leaves to compare with."""
LEAST_LONG = 0.01
"""Smallest change that the long comparison calls one."""
FAMILY = 6
"""Fewest series that learn a spread from each other."""
LEAST_TAILS, MOST_TAIL, MOST_RATIO, NEWTON = 40, 3.0, 50.0, 12
"""Sets that show the tails of a family's noise, the most that these may count for, and limits of the inversion."""
CLOSING, MOST_CLOSING = 1.5, 4
"""A change is gone when so few sets are nearer to the base than to it that half of it is CLOSING errors of their mean;
MOST_CLOSING sets at most."""

MANY, REFINED = 25, 3
"""Sets of a base that show how alike neighbours are without the newest, and how often what that does to their mean is
allowed for."""

NEW, STEADY, SLOWER, FASTER, DRIFTING = range(5)
"""States of a series: without a base, as before, or changed; DRIFTING is a slow-down by little and little."""
GONE: Final = -1


@dataclass
class Tracks:
    """S series followed over W sets.

    ``states`` (S, W) are those after each set, NEW where a series has none. The others are (S,), after a series' newest
    set: ``since`` is the first set of an open change; ``base`` and ``level`` the mean logarithms of base and current
    level; ``change`` the one against the other with its ``error`` and ``freedom``, ``between`` whether that error comes
    from the spread between sets; ``p`` and ``adjusted`` the probabilities of the newest comparison, NaN without one;
    ``set_error`` and ``long_error`` the errors of both comparisons; ``sets`` those of the base; ``family`` how many
    series were compared at once; ``alike`` how many neighbouring sets told as much as one independent one.
    """

    states: npt.NDArray[np.int8]
    since: Whole
    base: Floats
    level: Floats
    change: Floats
    error: Floats
    freedom: Floats
    between: Flags
    p: Floats
    adjusted: Floats
    set_error: Floats
    long_error: Floats
    sets: Whole
    family: Whole
    alike: Floats


def follow_sets(sets: Sets, begins: Whole, minimum: Floats, window: int = WINDOW) -> Tracks:
    """Return the tracks of all series. ``begins`` (S,) is the set from which a base holds: that of the last accepted
    change, 0 without one. ``minimum`` (S,) is the smallest change of a set that is an alarm, relative.
    """
    return Follower(sets, begins, minimum, window).run()


class Follower:
    """The state while sets are followed, one after the other, all series at once."""

    def __init__(self, sets: Sets, begins: Whole, minimum: Floats, window: int) -> None:
        self.sets, self.begins, self.minimum, self.window = sets, begins, minimum, window
        self.centres = np.nan_to_num(sets.centres)
        series, length = self.centres.shape
        self.base = np.zeros((series, length), bool)
        self.segment = np.zeros((series, length), bool)
        self.state = np.zeros(series, np.int8)
        nothing = np.full(series, np.nan)
        self.tracks = Tracks(
            np.zeros((series, length), np.int8), np.full(series, GONE, np.int64), nothing.copy(), nothing.copy(),
            nothing.copy(), nothing.copy(), nothing.copy(), np.zeros(series, bool), nothing.copy(), nothing.copy(),
            nothing.copy(), nothing.copy(), np.zeros(series, np.int64), np.zeros(series, np.int64), np.ones(series),
        )  # fmt: skip

    def run(self) -> Tracks:
        """Follow all sets."""
        renewed = self.begins == 0
        for now in range(self.centres.shape[1]):
            present = self.sets.counts[:, now] > 0
            # An accepted change begins a base; what came before it has one of its own.
            renewing = present & (self.begins <= now) & ~renewed
            renewed |= renewing
            self.base[renewing], self.segment[renewing] = False, False
            self.tracks.since[renewing] = GONE
            starting = present & ~self.base.any(axis=1)
            self.begin_base(starting, now)
            if (present & ~starting).any():
                self.compare(np.flatnonzero(present & ~starting), now)
            self.tracks.states[present, now] = np.where(starting, NEW, self.state)[present]
        return self.tracks

    def begin_base(self, rows: Flags, now: int) -> None:
        """Make the newest set of the series ``rows`` the first of a base: nothing is compared with it."""
        tracks = self.tracks
        self.base[rows, now] = True
        self.state[rows] = STEADY
        tracks.sets[rows], tracks.family[rows] = 0, 0
        tracks.level[rows] = tracks.base[rows] = self.centres[rows, now]
        for values in (tracks.p, tracks.adjusted, tracks.change, tracks.error, tracks.set_error, tracks.long_error):
            values[rows] = np.nan

    def compare(self, rows: Whole, now: int) -> None:
        """Compare the newest set of the series ``rows`` with their bases, and open, change or close what is found."""
        steady = self.state[rows] == STEADY
        until = (rows, slice(now + 1))
        known = Sets(self.centres[until], self.sets.counts[until], self.sets.squares[until])
        found = measure_changes(known, self.base[rows, :now], steady, self.window)
        # An alarm among weeks that are alike stands as long as they are: it may come as much more rarely.
        chance = np.minimum(found.p_set / SET_SHARE, found.p_long / LONG_SHARE) * found.alike
        adjusted = adjust_by_holm(np.minimum(chance, 1.0))
        by_set = found.p_set / SET_SHARE <= found.p_long / LONG_SHARE
        change = np.where(by_set, found.by_set, found.by_long)
        least = np.where(by_set, self.minimum[rows], np.minimum(LEAST_LONG, self.minimum[rows]))
        opened = steady & (adjusted < ALPHA) & (np.abs(np.expm1(change)) >= least)
        tracks = self.tracks
        tracks.p[rows], tracks.adjusted[rows] = np.minimum(found.p_set, found.p_long), adjusted
        for place in np.flatnonzero(opened):
            row = rows[place]
            if by_set[place]:
                first, state_of = now, SLOWER if change[place] < 0 else FASTER
            else:
                first, state_of = self.locate_change(int(row), now, float(found.reference[place]), float(change[place]))
            self.segment[row, first : now + 1] = self.sets.counts[row, first : now + 1] > 0
            self.base[row, first:] = False
            self.state[row], tracks.since[row] = state_of, first
        quiet = rows[steady & ~opened]
        self.base[quiet, now] = True
        for place in np.flatnonzero(~steady):
            self.follow_open_change(int(rows[place]), now, found, int(place), len(rows))
        self.note_levels(rows, now, found)

    def locate_change(self, row: int, now: int, reference: float, change: float) -> tuple[int, int]:
        """Return the first set of a change that the newest sets show together, and its state.

        The first set is that from which the mean is furthest from the reference, in its errors. It is a drift if a
        straight line from the reference fits the newest sets better than such a step.
        """
        newest = [*np.flatnonzero(self.base[row, :now])[-(LONGEST - 1) :], now]
        values = self.centres[row, newest] - reference
        counts = np.arange(1, len(values) + 1)
        means = np.cumsum(values[::-1]) / counts
        scores = np.where(np.sign(means) == np.sign(change), np.abs(means) * np.sqrt(counts), 0.0)
        length = int(np.argmax(scores)) + 1
        step = misfit(values, np.ones(length))
        ramp = min((misfit(values, np.arange(1.0, run + 1)) for run in range(4, len(values) + 1)), default=np.inf)
        changed = SLOWER if change < 0 else FASTER
        return int(newest[-length]), DRIFTING if change < 0 and ramp < step else changed

    def follow_open_change(self, row: int, now: int, found: Changes, place: int, family: int) -> None:
        """Close an open change that is gone, note a further one, or let the newest set join it."""
        tracks = self.tracks
        members = np.flatnonzero(self.segment[row, :now])
        base = float(found.base[place])
        shift = float(self.centres[row, members].mean()) - base
        deviation = float(found.deviation[place])
        sets = next((k for k in range(1, MOST_CLOSING) if abs(shift) / 2 * k**0.5 >= CLOSING * deviation), MOST_CLOSING)
        newest = [*members[members > tracks.since[row]], now][-sets:]
        recent = float(np.sign(shift)) * (float(self.centres[row, newest].mean()) - base)
        near = max(float(self.minimum[row]), 3 * deviation / sets**0.5)
        if len(newest) == sets and recent < abs(shift) / 2 and recent <= near:
            self.segment[row] = False
            self.base[row, newest] = True
            self.state[row], tracks.since[row] = STEADY, GONE
            return
        further = float(self.centres[row, now]) - (base + shift)
        error = deviation * (1 + 1 / len(members)) ** 0.5
        chance = float(2 * special.stdtr(found.freedom[place], -abs(further) / error)) if error else 0.0
        moved = abs(np.expm1(further)) >= self.minimum[row] and chance * family / SET_SHARE < ALPHA
        if moved:
            if self.state[row] == FASTER and further < 0 and len(members) >= 3:
                # A level that stayed is what a later slow-down is measured against, accepted or not.
                self.base[row] = self.segment[row]
                self.state[row], tracks.since[row] = SLOWER, now
            self.segment[row] = False
        self.segment[row, now] = True
        level = float(self.centres[row, self.segment[row]].mean())
        reference = float(self.centres[row, self.base[row]].mean())
        if self.state[row] == FASTER and level < reference:
            self.state[row] = SLOWER
        elif self.state[row] in (SLOWER, DRIFTING) and level > reference:
            self.state[row] = FASTER

    def note_levels(self, rows: Whole, now: int, found: Changes) -> None:
        """Keep what is known of the series after their newest set."""
        tracks, steady = self.tracks, self.state[rows] == STEADY
        members = np.maximum(self.segment[rows].sum(axis=1), 1)
        level = np.where(
            steady, self.centres[rows, now], np.sum(self.centres[rows] * self.segment[rows], axis=1) / members
        )
        within = newest_ranks(self.base[rows]) <= self.window
        base_sets = self.base[rows] & within
        base_sets[steady, now] &= found.sets[steady] == 0
        count = np.maximum(base_sets.sum(axis=1), 1)
        base = np.where(steady, found.base, np.sum(self.centres[rows] * base_sets, axis=1) / count)
        tracks.level[rows], tracks.base[rows], tracks.change[rows] = level, base, level - base
        tracks.error[rows] = np.where(steady, found.set_error, found.deviation * np.sqrt(1 / members + 1 / count))
        tracks.freedom[rows], tracks.between[rows] = found.freedom, found.between
        tracks.set_error[rows], tracks.long_error[rows] = found.set_error, found.long_error
        tracks.sets[rows], tracks.family[rows] = np.where(steady, found.sets, count), len(rows)
        tracks.alike[rows] = found.alike


@dataclass(frozen=True)
class Changes:
    """The newest set of each compared series against its base, in logarithms; arrays by series.

    ``base`` is the mean of the base's newest ``sets``, ``reference`` that of those before the newest LONGEST.
    ``deviation`` is the standard deviation of one set about its level, ``alike`` how many sets are as much as one that
    is independent of its neighbours.
    """

    base: Floats
    sets: Whole
    reference: Floats
    by_set: Floats
    by_long: Floats
    set_error: Floats
    long_error: Floats
    deviation: Floats
    freedom: Floats
    between: Flags
    p_set: Floats
    p_long: Floats
    alike: float


def measure_changes(known: Sets, base: Flags, steady: Flags, window: int) -> Changes:
    """Return the changes of S series at their newest set, with errors moderated over the family.

    ``known`` are their W sets, the last of which is the newest, with centres of 0 where a series has none. ``base``
    (S, W − 1) are the sets of the base, of which at most ``window`` count; ``steady`` (S,) the series without an open
    change.
    """
    centres, newest = known.centres[:, :-1], known.centres[:, -1]
    inverses = np.where(known.counts > 0, 1 / np.maximum(known.counts, 1), 0.0)
    inverse, own = inverses[:, :-1], inverses[:, -1]
    ranks = newest_ranks(base)
    total = base.sum(axis=1)
    compared = base & (ranks <= window)
    sets = compared.sum(axis=1)
    mean = np.sum(centres * compared, axis=1) / sets
    # The long comparison weighs the newest sets, the one in question among them, against those before them.
    length = np.clip(total + 1 - FEWEST, 1, LONGEST)
    length = np.where(steady, length, 1)
    before = base & (ranks >= length[:, None]) & (ranks < (length + window)[:, None])
    count = before.sum(axis=1)
    reference = np.sum(centres * before, axis=1) / count
    deviations = np.where(before, centres - reference[:, None], 0.0)
    between = np.sum(deviations**2, axis=1) / np.maximum(count - 1, 1)
    freedom = (known.counts - 1).clip(0).sum(axis=1)
    within = np.sum(known.squares, axis=1) / np.maximum(freedom, 1)
    within, within_freedom = moderate_variances(within, freedom.astype(np.float64))
    between, between_freedom = moderate_variances(between, (count - 1).astype(np.float64))
    # Few sets hardly show how alike neighbours are: then the newest ones, a change of which would look alike, help too.
    few = bool(np.mean(total) < MANY)
    about_mean = np.where(compared, centres - mean[:, None], 0.0)
    correlation = neighbours_alike(about_mean, compared) if few else neighbours_alike(deviations, before)
    between = between * lost_variance(correlation, count)
    by_set = newest - mean
    between, between_freedom = learn_from_family(by_set / np.sqrt(1 + 1 / sets), between, between_freedom, count)
    from_values = within * (own + np.sum(inverse * compared, axis=1) / sets**2)
    alike = 1 + 2 * float(correlation.sum())
    from_sets = between * (1 + alike / sets)
    by_sets = (between_freedom > 0) & ((from_sets >= from_values) | (within_freedom == 0))
    any_known = by_sets | (within_freedom > 0)
    set_error = np.sqrt(np.where(by_sets, from_sets, np.where(any_known, from_values, np.inf)))
    chosen = np.where(by_sets, between_freedom, np.maximum(within_freedom, 1))
    deviation = np.sqrt(np.where(by_sets, between, within * own))
    weights = np.where(base & (ranks < length[:, None]), WEIGHT * (1 - WEIGHT) ** ranks, 0.0)
    weight = weights.sum(axis=1) + WEIGHT
    by_long = (np.sum(weights * centres, axis=1) + WEIGHT * newest) / weight - reference
    inflation = ewma_variances(correlation)[length]
    long_error = deviation * np.sqrt(inflation + alike / count)
    skewness, kurtosis = tails_of(deviations, before, between)
    p_set = chance_of(by_set, set_error, chosen, skewness, kurtosis)
    damping = ewma_variances(np.zeros(LONGEST - 1))[LONGEST]
    p_long = chance_of(by_long, long_error, chosen, skewness * damping**0.5, kurtosis * damping)
    return Changes(
        mean, sets, reference, by_set, by_long, set_error, long_error, deviation, chosen, by_sets, p_set,
        np.where(length > 1, p_long, 1.0), alike,
    )  # fmt: skip


def lost_variance(correlation: Floats, count: Whole) -> Floats:
    """Return by how much the variance about a mean of ``count`` sets is too small: neighbouring sets are alike."""
    lags = np.arange(1, len(correlation) + 1)
    n = np.maximum(count, 2)[:, None]
    alike = 1 + 2 * np.sum(np.clip(1 - lags / n, 0, None) * correlation, axis=1)
    return np.asarray(1 / np.maximum(1 - (alike - 1) / (n[:, 0] - 1), 0.2))


def learn_from_family(changes: Floats, between: Floats, freedom: Floats, count: Whole) -> tuple[Floats, Floats]:
    """Return the spread between sets of series that have too few to show it, from how far the family's newest sets
    scatter: about their median, so that what slows all of them is no spread.
    """
    young = count < FEWEST
    if young.sum() < FAMILY:
        return between, freedom
    found = changes[young]
    scatter = float(MAD_TO_SIGMA * np.median(np.abs(found - np.median(found)))) ** 2
    wider = young & (between < scatter)
    return np.where(wider, scatter, between), np.where(young, np.maximum(freedom, young.sum() / 2), freedom)


def tails_of(deviations: Floats, known: Flags, variances: Floats) -> tuple[float, float]:
    """Return skewness and excess kurtosis of the sets of all series together: the former only towards slow sets,
    negative; the latter only if positive, and as far as it is more than chance.
    """
    scaled = (deviations / np.sqrt(np.where(variances > 0, variances, 1.0))[:, None])[known]
    number = scaled.size
    if number < LEAST_TAILS:
        return 0.0, 0.0
    scale = float(np.mean(scaled**2))
    if not scale > 0:
        return 0.0, 0.0
    skewness, kurtosis = float(np.mean(scaled**3)) / scale**1.5, float(np.mean(scaled**4)) / scale**2 - 3
    return (
        float(np.clip(skewness, -MOST_TAIL, 0.0)),
        float(np.clip(kurtosis - (24 / number) ** 0.5, 0.0, MOST_TAIL)),
    )


def misfit(values: Floats, shape: Floats) -> float:
    """Return the squared deviations of values that are 0 first and then a multiple of ``shape``, which is fitted."""
    last = values[len(values) - len(shape) :]
    factor = float(last @ shape / (shape @ shape))
    return float(np.sum((last - factor * shape) ** 2) + np.sum(values[: len(values) - len(shape)] ** 2))


def chance_of(change: Floats, error: Floats, freedom: Floats, skewness: float, kurtosis: float) -> Floats:
    """Return the probabilities of changes at least as large, without any real one; 1 where no error is known.

    The tails of noise that is not normal are longer than Student's: a deviation z of such noise is as improbable as one
    of x with z = x − (x² − 1) s ÷ 6 + (x³ − 3x) k ÷ 24 (Cornish and Fisher 1938), with s only on the slow side.
    """
    exact = np.where(change == 0, 0.0, MOST_RATIO)
    ratio = np.minimum(np.where(error > 0, np.abs(change) / np.where(error > 0, error, 1.0), exact), MOST_RATIO)
    x = ratio.copy()
    slope = np.where(change < 0, -skewness / 6, 0.0)
    for _ in range(NEWTON):
        value = x + slope * (x**2 - 1) + kurtosis / 24 * (x**3 - 3 * x) - ratio
        x = np.maximum(x - value / (1 + 2 * slope * x + kurtosis / 24 * np.maximum(3 * x**2 - 3, 0)), 0.0)
    x = np.where(ratio > 1, np.minimum(x, ratio), ratio)
    return np.asarray(np.minimum(2 * special.stdtr(freedom, -x) * np.where(change > 0, FASTER_PENALTY, 1), 1.0))


def newest_ranks(flags: Flags) -> Whole:
    """Return (S, W) the place of each set among the flagged ones, counted from the newest, which has 1."""
    return np.asarray(np.cumsum(flags[:, ::-1], axis=1)[:, ::-1])


def neighbours_alike(deviations: Floats, known: Flags) -> Floats:
    """Return the correlations of sets that are 1 … LONGEST − 1 places apart, of all series together; none is negative.

    A mean of few sets makes its own deviations negatively correlated, by its squared error; that is added.
    """
    count = known.sum(axis=1)
    variances = np.sum(deviations**2, axis=1) / np.maximum(count - 1, 1)
    scaled = deviations / np.sqrt(np.where(variances > 0, variances, 1.0))[:, None]
    lags = range(1, min(LONGEST, deviations.shape[1]))
    pairs = [int(np.sum(known[:, lag:] & known[:, :-lag])) for lag in lags]
    sums = [float(np.sum(scaled[:, lag:] * scaled[:, :-lag])) for lag in lags]
    found = np.asarray([total / number if number else -1.0 for total, number in zip(sums, pairs, strict=True)])
    result, bias = np.zeros(LONGEST - 1), float(np.mean(1 / np.maximum(count, 1)))
    for _ in range(REFINED):
        error = bias * (1 + 2 * float(result.sum()))
        # Chance alone correlates distant sets of few series; what is real falls off.
        result[: len(found)] = np.minimum.accumulate(np.clip(found + error, 0.0, 1.0))
    return result


def ewma_variances(correlation: Floats) -> Floats:
    """Return the variance of an EWMA of 0 … LONGEST sets, in the variance of one."""
    result = np.ones(LONGEST + 1)
    for length in range(1, LONGEST + 1):
        weights = WEIGHT * (1 - WEIGHT) ** np.arange(length)
        weights = weights / weights.sum()
        terms = [float(weights[lag:] @ weights[:-lag]) * correlation[lag - 1] for lag in range(1, length)]
        result[length] = float(weights @ weights) + 2 * sum(terms)
    return result


def adjust_by_holm(chances: Floats) -> Floats:
    """Return step-down adjusted probabilities (Holm 1979). They hold however the series depend on each other."""
    order = np.argsort(chances, kind="stable")
    steps = np.maximum.accumulate(chances[order] * np.arange(len(chances), 0, -1))
    adjusted = np.empty(len(chances))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
