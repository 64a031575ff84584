"""When: a cron expression, checked, as moments in local time and in the words of each back end.

Moments follow Debian's cron, also where clocks change (cronsim): a fixed time that clocks skip comes when they have
been put forward, one that comes twice is taken the first time. systemd skips what clocks skip; ``clock_changes`` says
so before it happens.
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
"""How far ahead changes of the clocks are looked for."""


class Timing:
    """A cron expression of five fields. Raises UsageError, naming the field that is wrong."""

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
        """The expression in numbers alone, as every cron there is reads it."""
        return " ".join(self.fields)

    def after(self, moment: datetime) -> Iterator[datetime]:
        """Its moments later than one, which knows its time zone, in that zone."""
        return CronSim(self.plain, moment)

    def newest(self, moment: datetime) -> datetime:
        """Its last moment at or before one."""
        return next(CronSim(self.plain, moment + timedelta(seconds=1), reverse=True))

    def calendar(self) -> list[str]:
        """The same for systemd (systemd.time(7)): one or two OnCalendar expressions, either of which starts it."""
        clock = f"{shown(self.values[1], 24, 2)}:{shown(self.values[0], 60, 2)}:00"
        months, days = shown(self.values[3], 12, 2), shown(self.values[2], 31, 2)
        week = ",".join(DAYS[day] for day in self.values[4]) + " " if len(self.values[4]) < 7 else ""
        if self.both_days:
            return [f"{week}*-{months}-{days} {clock}"]
        return [f"*-{months}-{days} {clock}", f"{week}*-{months}-* {clock}"]

    def clock_changes(self, moment: datetime) -> list[str]:
        """What changes of the clocks do to it within the coming year, in words."""
        notes = []
        for before, after in changes(moment):
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


def check_field(expression: str, place: int, word: str) -> None:
    """Raise UsageError unless the word will do for that field in every cron."""
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


def shown(values: list[int], whole: int, digits: int) -> str:
    """A list for systemd; a star for all."""
    return "*" if len(values) == whole else ",".join(f"{value:0{digits}d}" for value in values)


def local_zone() -> tzinfo:
    """This machine's time zone, with its rules: schedules are kept in it. Its name is ``str`` of it."""
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


def changes(moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Changes of the clocks within HORIZON: what they show as they are put, and what they show then, to the minute."""
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
