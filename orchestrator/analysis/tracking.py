"""Follows the levels of many series over their sets: which change, since when, and which changes are still open.

A series has a base: its sets since the last accepted change, as long as they are alike. Each new set is compared with
the base in two ways: by itself, which finds a large change at once, and by an exponentially weighted mean of the newest
sets against those before them (EWMA: Roberts 1959), which finds a small one that stays, and a drift. Both errors know
how alike neighbouring sets are, since weeks of a machine are rarely independent. All series of a set form one family:
Holm's procedure (1979) keeps the probability of any false alarm in it below ALPHA.

A change that is found stays open, and its sets do not become the base, until it is gone or somebody accepted it. It is
gone when the newest sets are nearer to the base than to the changed level, or when all sets since then together no
longer show it. While it is open, a further change is sought against the changed level: it grows, or what became faster
becomes slower again.

tests/benchmarks/history_rates.py measures what is found and what is found falsely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from orchestrator.analysis import special
from orchestrator.analysis.change_tests import (
    LONGEST,
    Changes,
    Family,
    Flags,
    Whole,
    adjust_by_holm,
    measure_changes,
    newest_ranks,
)
from orchestrator.analysis.neighbours import mean_variance
from orchestrator.analysis.quiet import Alarms, find_quiet_sets
from orchestrator.analysis.sets import Floats, Sets

ALPHA = 0.01
"""Probability of any false alarm among the series compared at once."""
SET_SHARE, LONG_SHARE = 0.5, 0.25
"""Of that, what the comparison of the newest set and that of the newest sets together may take. The remainder is kept
for alarms that stay longer than a set."""
WINDOW = 26
"""Most sets of the base that are compared with: half a year of weeks."""
LEAST_LONG = 0.01
"""Smallest change that the long comparison calls one."""
CLOSING, MOST_CLOSING = 1.5, 4
"""A change is gone when so few sets are nearer to the base than to it that half of it is CLOSING errors of their mean;
MOST_CLOSING sets at most."""

DOUBTFUL = 0.02
"""Probability of any false change among the series, above which an open one is withdrawn. It is greater than ALPHA, so
that a change that is just found does not come and go."""

FEWEST_AHEAD, MOST_AHEAD = 32, 512
"""Sets that are looked through at once for those in which nothing changes: the more, the longer nothing did."""

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
        self.begins, self.minimum, self.window = begins, minimum, window
        self.load(sets)
        self.renewed = begins == 0
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

    def load(self, sets: Sets) -> None:
        """Take the sets that are followed. Those already followed are to be the same as before."""
        self.sets, self.centres = sets, np.nan_to_num(sets.centres)
        self.last = sets.counts.shape[1] - 1 - np.argmax(sets.counts[:, ::-1] > 0, axis=1)
        self.freedom = np.cumsum((sets.counts - 1).clip(0), axis=1)
        self.squares = np.cumsum(sets.squares, axis=1)

    def run(self) -> Tracks:
        """Follow all sets."""
        length = self.centres.shape[1]
        ends = set(self.last.tolist())
        first, quiet, ahead = 0, np.zeros(0, bool), FEWEST_AHEAD
        for now in range(length):
            if now >= first + len(quiet) and (self.state <= STEADY).all():
                first, quiet = now, self.find_quiet_sets(now, min(now + ahead, length))
                ahead = min(2 * ahead, MOST_AHEAD)
            if now < first + len(quiet) and quiet[now - first] and now not in ends:
                present = self.sets.counts[:, now] > 0
                self.base[present, now] = True
                self.tracks.states[present, now] = STEADY
                continue
            self.follow(now)
            if not (self.state <= STEADY).all():
                quiet, ahead = quiet[:0], FEWEST_AHEAD
        return self.tracks

    def find_quiet_sets(self, first: int, stop: int) -> Flags:
        """Return in which sets from ``first`` on, before which no change is open, certainly none is opened: up to
        ``stop``, or to where an accepted change begins a base.
        """
        for row in np.flatnonzero(~self.renewed):
            since = max(first, int(self.begins[row]))
            stop = min([stop, *(since + np.flatnonzero(self.sets.counts[row, since:] > 0)[:1])])
        if stop <= first:
            return np.zeros(0, bool)
        least = np.minimum(LEAST_LONG, self.minimum)
        alarms = Alarms(ALPHA * SET_SHARE, ALPHA * LONG_SHARE, self.minimum, least)
        return find_quiet_sets(self.centres, self.sets.counts, self.base, first, stop, self.window, alarms)

    def follow(self, now: int) -> None:
        """Follow one set of all series, the one after that which was followed before."""
        present = self.sets.counts[:, now] > 0
        # An accepted change begins a base; what came before it has one of its own.
        renewing = present & (self.begins <= now) & ~self.renewed
        self.renewed |= renewing
        self.base[renewing], self.segment[renewing] = False, False
        self.tracks.since[renewing] = GONE
        starting = present & ~self.base.any(axis=1)
        self.begin_base(starting, now)
        if (present & ~starting).any():
            self.compare(np.flatnonzero(present & ~starting), now)
        self.tracks.states[present, now] = np.where(starting, NEW, self.state)[present]

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
        found = measure_changes(self.family_of(rows, now), self.window)
        # An alarm among sets that are alike stands as long as they are: it may come as much more rarely.
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
        if (self.last[rows] == now).any():
            self.note_levels(rows, now, found)

    def family_of(self, rows: Whole, now: int) -> Family:
        """Return the series ``rows`` with their newest set and those of the earlier ones that are compared with it."""
        base = self.base[rows, :now]
        # Older sets are in no comparison; a history of many years would cost as its square with them.
        first = int(np.argmax((newest_ranks(base) < LONGEST + self.window).any(axis=0)))
        return Family(
            self.centres[rows, first : now + 1], self.sets.counts[rows, first : now + 1], base[:, first:],
            base.sum(axis=1), self.state[rows] == STEADY, self.squares[rows, now], self.freedom[rows, now],
        )  # fmt: skip

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
            self.close_change(row, newest)
            return
        if self.is_doubtful(row, now, found, place, family):
            self.close_change(row, [now])
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

    def close_change(self, row: int, newest: list[int]) -> None:
        """End an open change; the ``newest`` sets belong to the base again."""
        self.segment[row] = False
        self.base[row, newest] = True
        self.state[row], self.tracks.since[row] = STEADY, GONE

    def is_doubtful(self, row: int, now: int, found: Changes, place: int, family: int) -> bool:
        """Whether all sets since an open change, the newest included, show it no longer: their mean may differ from the
        base's by chance. Sets that are alike stay away from the base for a while, and come back only slowly.
        """
        members = [*np.flatnonzero(self.segment[row, :now]), now]
        shift = float(self.centres[row, members].mean() - found.base[place])
        counts = np.asarray([len(members), max(1, int(found.sets[place]))])
        error = float(found.deviation[place]) * float(np.sqrt(mean_variance(found.correlation, counts).sum()))
        chance = float(2 * special.stdtr(found.freedom[place], -abs(shift) / error)) if error else 0.0
        return chance * family / SET_SHARE > DOUBTFUL

    def note_levels(self, rows: Whole, now: int, found: Changes) -> None:
        """Keep what is known of the series after a set, which is the newest of some of them."""
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


def misfit(values: Floats, shape: Floats) -> float:
    """Return the squared deviations of values that are 0 first and then a multiple of ``shape``, which is fitted."""
    last = values[len(values) - len(shape) :]
    factor = float(last @ shape / (shape @ shape))
    return float(np.sum((last - factor * shape) ** 2) + np.sum(values[: len(values) - len(shape)] ** 2))
