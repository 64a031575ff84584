"""``python -m orchestrator compare EARLIER… NEWER``: is the newest campaign slower than the earlier ones?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.errors import EXIT_OK, EXIT_REFERENCE_MISSED, UsageError, nearest

if TYPE_CHECKING:
    from orchestrator.report.entries.comparison import ComparisonDocument, HistoryDocument


def main(arguments: Sequence[str]) -> int:
    """Print the verdicts; return exit code 5 if anything is slower. The newest campaign is the one planned last."""
    given = parse("compare", arguments)
    options = common.campaign_options(given, "compare")
    form = "json" if options.json else given.format or "terminal"
    if len(options.campaigns) < 2:
        raise UsageError("Say which two campaigns or more to compare: compare EARLIER… NEWER.")
    store = common.existing_store(options)
    known = store.campaigns()
    names = [name.rstrip("/").rpartition("/")[2] for name in options.campaigns]
    for name in names:
        if name not in known:
            raise UsageError(f"The store has no campaign '{name}'.{nearest(name, known)}")
    from orchestrator.analysis.history import TREND_COLUMNS
    from orchestrator.report.comparisons import comparison_document

    rows = store.history(campaigns=names, columns=(*TREND_COLUMNS, "campaign"))
    sets = [(name, [row for row in rows if row["campaign"] == name]) for name in names]
    return print_verdicts_of(comparison_document(sets), form)


def print_verdicts_of(document: ComparisonDocument | HistoryDocument, form: str) -> int:
    """Print a document of verdicts as json, markdown or for a terminal; return its exit code."""
    if form == "json":
        common.print_json(document)
    elif form == "markdown":
        from orchestrator.report.formats.markdown import render_comparison

        print(render_comparison(document), end="")
    else:
        from orchestrator.report.tables.comparisons import print_verdicts

        print_verdicts(document, common.stdout_console())
    return EXIT_REFERENCE_MISSED if document["verdict"] in ("slower", "drifting") else EXIT_OK
