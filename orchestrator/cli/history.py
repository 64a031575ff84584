"""``python -m orchestrator history [KEY=VALUE…]``, the same as ``report --history``: the newest week against others.
``history accept SERIES --why TEXT``: a change of level that is known and agreed to is the new base.
"""

from __future__ import annotations

import gc
import getpass
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.errors import EXIT_OK, UsageError, nearest
from orchestrator.records import now
from orchestrator.store.store import Store

KEYS = ("benchmark", "dataset", "method", "cluster", "week", "window")
NARROWING = ("benchmark", "dataset", "method", "cluster")
"""Words that say which runs are meant."""


USAGE = "history [KEY=VALUE…], history accept SERIES --why TEXT [by=NAME] [results=FOLDER] [store.url=URL]"


def main(arguments: Sequence[str]) -> int:
    """Print the verdicts on the newest week, or accept the open changes of a series."""
    arguments = list(arguments)
    if arguments[:1] == ["accept"]:
        return accept_series(arguments[1:])
    options = common.parse_campaigns(arguments, "history", KEYS)
    if options.campaigns:
        raise UsageError(f"history takes no {options.campaigns[0]}. Usage: {USAGE}.")
    return print_history(common.existing_store(options), "json" if options.json else "terminal", None, options)


def accept_series(arguments: Sequence[str]) -> int:
    """Put the open changes of a series into the store as accepted. Raises UsageError if there is none."""
    known = parse("history accept", arguments)
    options = common.campaign_options(known, "history accept", ("by",))
    if len(options.campaigns) != 1 or not known.why.strip():
        raise UsageError(f"Say which series, as report --history names it, and why. Usage: {USAGE}.")
    from orchestrator.analysis.courses import COLUMNS, judge_courses, set_column
    from orchestrator.analysis.history import OPEN, series_id
    from orchestrator.store.entries import KEY, BaseChange, columns_of

    store = common.existing_store(options)
    rows = store.history(columns=COLUMNS)
    found = {
        series_id(columns_of(course.key, KEY)): course
        for course in judge_courses(rows, set_column(rows), accepted=store.base_changes())
    }
    wanted = options.campaigns[0]
    if wanted not in found:
        raise UsageError(f"The store has no series '{wanted}'.{nearest(wanted, list(found))}")
    changes: list[BaseChange] = [
        {
            "series": wanted, "metric": item.metric.name, "since": item.begun, "change": item.comparison.change,
            "accepted": now(), "accepted_by": options.settings.get("by") or user_name(), "why": known.why.strip(),
        }
        for item in found[wanted].judged if item.comparison.verdict in OPEN and item.begun is not None
    ]  # fmt: skip
    if not changes:
        raise UsageError(f"No change of series {wanted} is open: {'; '.join(map(str, found[wanted].judged))}.")
    store.accept_changes(changes)
    if options.json:
        common.print_json({"schema": "orchestrator.accepted-changes/1", "accepted": changes})
    else:
        for item in found[wanted].judged:
            if item.comparison.verdict in OPEN:
                print(f"accepted: {item.metric.name.replace('_', ' ')} of series {wanted}: {item}")
    return EXIT_OK


def user_name() -> str:
    """Return the name of the user, or the number of one without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def print_history(store: Store, form: str, output: str | None, options: common.CampaignOptions) -> int:
    """Print the verdicts, or write the page of all campaigns; return exit code 5 if anything is slower. Raises
    UsageError.
    """
    chosen = {name: options.settings.get(name) for name in NARROWING}
    benchmark, dataset, method, cluster = chosen.values()
    if form == "html":
        from orchestrator.analysis.courses import COLUMNS
        from orchestrator.report.html.history import write_history

        courses = store.history(benchmark, cluster, dataset=dataset, method=method, columns=COLUMNS)
        print(write_history(courses, Path(str(output)), store.base_changes()))
        return EXIT_OK
    from orchestrator.analysis.history import TREND_COLUMNS
    from orchestrator.analysis.tracking import WINDOW
    from orchestrator.cli.compare import print_verdicts_of
    from orchestrator.report.comparisons import history_document

    week = options.settings.get("week")
    if week is not None and not re.fullmatch(r"[0-9]{4}-W[0-9]{2}", week):
        raise UsageError(f"week={week}: a week is written as 2026-W07.")
    window = common.parse_whole("window=", options.settings.get("window", str(WINDOW)), 10_000, "a number of weeks")
    with paused_collector():
        rows = store.history(benchmark, cluster, dataset=dataset, method=method, columns=TREND_COLUMNS)
        if not rows:
            words = " ".join(f"{key}={value}" for key, value in options.settings.items())
            raise UsageError(f"The store has no completed run{' of ' + words if words else ''}.")
        document = history_document(rows, week, window, chosen, store.base_changes())
        if week is not None and not document["series"]:
            last = rows[-1]["week"]
            raise UsageError(f"week={week}: no run was completed in it; the newest week with any is {last}.")
        return print_verdicts_of(document, form)


@contextmanager
def paused_collector() -> Iterator[None]:
    """Keep Python from looking for cycles of objects within the context: among 100,000 rows there are none, and the
    search takes a tenth of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
