"""``python -m orchestrator report --history [benchmark=NAME] [cluster=NAME]``: the newest week against earlier ones."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.cli import common
from orchestrator.errors import EXIT_OK, UsageError
from orchestrator.store.store import Store

KEYS = ("benchmark", "dataset", "method", "cluster", "week", "window")
NARROWING = ("benchmark", "dataset", "method", "cluster")
"""Words that say which runs are meant."""


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
        print(write_history(courses, Path(str(output))))
        return EXIT_OK
    from orchestrator.analysis.regression import WINDOW
    from orchestrator.cli.compare import print_verdicts_of
    from orchestrator.report.comparisons import history_document

    week = options.settings.get("week")
    if week is not None and not re.fullmatch(r"[0-9]{4}-W[0-9]{2}", week):
        raise UsageError(f"week={week}: a week is written as 2026-W07.")
    window = common.parse_whole("window=", options.settings.get("window", str(WINDOW)), 10_000, "a number of weeks")
    rows = store.history(benchmark, cluster, dataset=dataset, method=method)
    if not rows:
        words = " ".join(f"{key}={value}" for key, value in options.settings.items())
        raise UsageError(f"The store has no completed run{' of ' + words if words else ''}.")
    document = history_document(rows, week, window, chosen)
    if week is not None and not document["series"]:
        raise UsageError(f"week={week}: no run was completed in it; the newest week with any is {rows[-1]['week']}.")
    return print_verdicts_of(document, form == "json")
