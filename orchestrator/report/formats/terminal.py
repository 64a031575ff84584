"""The tables of ``report`` as plain text."""

from __future__ import annotations

import io
from collections.abc import Sequence

from orchestrator.report.formats import Report

WIDTH = 200


def render(reports: Sequence[Report]) -> str:
    """Return the tables without colours."""
    from orchestrator.report.tables.console import PlainConsole
    from orchestrator.report.tables.runs import print_report

    stream = io.StringIO()
    console = PlainConsole(file=stream, width=WIDTH, no_color=True, emoji=False)
    for report in reports:
        print_report(report.document, console)
    return stream.getvalue()
