"""The times of a schedule: a checked cron expression, as moments in local time and in the syntax of each back end.

Moments follow Debian's cron, also where clocks change (cronsim): a fixed time that clocks skip comes right after the
change, and a time that comes twice is taken the first time. systemd drops a skipped time; ``clock_changes`` warns of
it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from orchestrator.errors import UsageError

FIELDS = (
    ("minute", "0–59"),
    ("hour", "0–23"),
    ("day of month", "1–31"),
    ("month", "1–12 or JAN–DEC"),
    ("day of week", "0–7 or SUN–SAT"),
)
SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
}
DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
EXAMPLE = '"0 2 * * SUN" is Sundays at 02:00'
HORIZON = timedelta(days=400)
"""How far ahead clock changes are looked for."""


class Timing:
    """A cron expression of five fields. Raises UsageError that names the wrong field."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        words = SHORTHANDS.get(expression.strip().lower(), expression).upper().split()
        if len(words) != len(FIELDS):
            raise UsageError(
                f"when={expression!r} has {len(words)} field{'s' if len(words) != 1 else ''}, not the five of cron: "
                f"minute, hour, day of month, month, day of week. {EXAMPLE}."
            )
        for place, word in enumerate(words):
            check_field(expression, place, word)
        try:
            parsed = CronSim(" ".join(words), datetime(2000, 1, 1))
        except CronSimError as error:
            raise UsageError(
                f"when={expression!r} never comes: no month of those has a day {words[2]}. {EXAMPLE}."
            ) from error
        weekdays = {int(day) % 7 for day in parsed.weekdays if isinstance(day, int)}
        self.values = tuple(
            sorted(found) for found in (parsed.minutes, parsed.hours, parsed.days, parsed.months, weekdays)
        )
        # Fields with a star keep it: whether days of month and of week are joined by "and" or "or" hangs on it.
        self.fields = tuple(
            word if word.startswith("*") else ",".join(map(str, values))
            for word, values in zip(words, self.values, strict=True)
        )
        self.both_days = parsed.day_and

    @property
    def plain(self) -> str:
        """The expression in numbers, which every cron can read."""
        return " ".join(self.fields)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Yield the moments after ``moment``, in its time zone."""
        return CronSim(self.plain, moment)

    def newest(self, moment: datetime) -> datetime:
        """Return the last moment at or before ``moment``."""
        return next(CronSim(self.plain, later(moment, timedelta(seconds=1)), reverse=True))

    def calendar(self) -> list[str]:
        """Return the expression as one or two OnCalendar expressions of systemd (systemd.time(7)); each of them starts
        the sweep.
        """
        clock = f"{systemd_list(self.values[1], 24, 2)}:{systemd_list(self.values[0], 60, 2)}:00"
        months, days = systemd_list(self.values[3], 12, 2), systemd_list(self.values[2], 31, 2)
        week = ",".join(DAYS[day] for day in self.values[4]) + " " if len(self.values[4]) < 7 else ""
        if self.both_days:
            return [f"{week}*-{months}-{days} {clock}"]
        return [f"*-{months}-{days} {clock}", f"{week}*-{months}-* {clock}"]

    def clock_changes(self, moment: datetime) -> list[str]:
        """Return warnings about clock changes of the coming year that hit the schedule."""
        notes = []
        for before, after in find_clock_changes(moment):
            skipped = before.replace(tzinfo=None), after.replace(tzinfo=None)
            start, end = min(skipped), max(skipped)
            wall = next(CronSim(self.plain, start - timedelta(seconds=1)), None)
            if wall is None or wall >= end or any(field.startswith("*") for field in self.fields[:2]):
                continue
            when = f"{wall:%Y-%m-%d %H:%M}"
            notes.append(
                f"{when} does not exist, since clocks go forward: cron starts the sweep at {end:%H:%M}, a systemd "
                "timer not at all; choose an hour that clocks never skip"
                if skipped[1] > skipped[0]
                else f"{when} comes twice, since clocks go back: the sweep starts the first time"
            )
        return notes


def later(moment: datetime, span: timedelta) -> datetime:
    """Return the moment a span later. Sums and differences of a zone's moments are by its wall clock, which has one
    hour twice a year; so are their comparisons, so that moments are compared by ``timestamp``.
    """
    return datetime.fromtimestamp(moment.timestamp() + span.total_seconds(), moment.tzinfo)


def check_field(expression: str, place: int, word: str) -> None:
    """Raise UsageError unless every cron accepts the word in that field."""
    name, range_ = FIELDS[place]
    fields = ["*"] * len(FIELDS)
    fields[place] = word
    try:
        # cronsim knows "L" and "#", which crontabs do not.
        if re.search(r"#|\bL\b|\d+L|LW", word) or ("/" in word.partition("*")[0] and not re.search(r"[-*]", word)):
            raise CronSimError
        CronSim(" ".join(fields), datetime(2000, 1, 1))
    except (CronSimError, ValueError) as error:
        raise UsageError(
            f"when={expression!r}: the {name} {word!r} is not {range_}, a list (1,3), a range (1-5) or a step (*/2). "
            f"{EXAMPLE}."
        ) from error


def systemd_list(values: list[int], whole: int, digits: int) -> str:
    """Return the values in systemd's syntax; "*" for all of them."""
    return "*" if len(values) == whole else ",".join(f"{value:0{digits}d}" for value in values)


def local_zone() -> tzinfo:
    """Return this machine's time zone with its rules. Its name is ``str`` of it."""
    name = os.environ.get("TZ", "").lstrip(":")
    try:
        if name:
            return ZoneInfo(name)
        target = str(Path("/etc/localtime").resolve())
        if "/zoneinfo/" in target:
            return ZoneInfo(target.partition("/zoneinfo/")[2])
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file, key="local time")
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return ZoneInfo("UTC")


def find_clock_changes(moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the clock changes within HORIZON of ``moment``: the time before and after each change, to the minute."""
    zone, start = moment.tzinfo, moment.timestamp()
    day = 86400.0

    def offset(seconds: float) -> timedelta:
        return datetime.fromtimestamp(seconds, zone).utcoffset() or timedelta(0)

    for number in range(HORIZON.days):
        low, high = start + number * day, start + (number + 1) * day
        before, after = offset(low), offset(high)
        if before == after:
            continue
        while high - low > 1:
            middle = (low + high) / 2
            low, high = (middle, high) if offset(middle) == before else (low, middle)
        change = datetime.fromtimestamp(round(high / 60) * 60, zone)
        yield change + (before - after), change
