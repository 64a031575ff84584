"""The message about a sweep, in three lines."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence

from orchestrator.notification.message import Message
from orchestrator.schedule.news import News
from orchestrator.schedule.observation import GRAVEST_FIRST, Observation

ALSO = 3
"""Further news that are written out."""

HEADLINE = 110
"""Characters of a subject that mail programs show."""

OPENINGS = {"new": "", "changed": "changed: ", "still": "still: ", "recovered": "recovered: ", "settled": "settled: "}


def compose_message(
    title: str, sweep: str, news: Sequence[News], seen: Observation, seconds: float, link: str
) -> Message:
    """Return the message: the gravest news, then the others, then the facts of the sweep."""
    ordered = sorted(news, key=gravity_key)
    first, rest = ordered[0], ordered[1:]
    line = OPENINGS[first.kind] + first.text
    also = "; ".join(OPENINGS[item.kind] + item.text for item in rest[:ALSO])
    if len(rest) > ALSO:
        also += f"; and {len(rest) - ALSO} more"
    recovered = sum(item.kind == "recovered" for item in news)
    well, unsure = max(0, sum("/" in key for key in seen.well) - recovered), len(seen.unsure)
    judged = f"{well} checks are as before" + (f", {unsure} cannot be judged yet" if unsure else "")
    third = (
        f"sweep {sweep}: {seen.completed} of {seen.runs} runs completed in {duration_text(seconds)}, compared with "
        f"{seen.earlier_sweeps} earlier sweep{'s' if seen.earlier_sweeps != 1 else ''}"
    )
    if seen.repeated:
        third += "; run twice, since something looked slower"
    if rest:
        third = f"{third}; {judged}"
    subject = f"{title}: {subject_of(first)}" + (f" (and {len(rest)} more)" if rest else "")
    return Message(subject, (line, f"also: {also}" if rest else f"otherwise: {judged}", third), link, time.time())


def subject_of(item: News) -> str:
    """Return a subject line: the news without the figures in brackets."""
    plain = re.sub(r" ?[(\[][^)\]]*[)\]]", "", item.text)
    return OPENINGS[item.kind] + (plain if len(plain) <= HEADLINE else plain[: HEADLINE - 1] + "…")


def gravity_key(item: News) -> tuple[int, int]:
    """Return the sort key of news: bad before recovered, and the gravest state first."""
    good = item.kind in ("recovered", "settled")
    return int(good), GRAVEST_FIRST.index(item.state) if item.state in GRAVEST_FIRST else len(GRAVEST_FIRST)


def duration_text(seconds: float) -> str:
    """Return the seconds as "90 s", "12 min" or "2.5 h"."""
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
