"""HTML pages; see orchestrator.report.html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.report.formats import Report


def write(reports: Sequence[Report], place: Path) -> str:
    """Write a campaign's pages into the folder. Each of several campaigns gets a folder within it, and all of them a
    start page.
    """
    from orchestrator.report.html.campaign import write_campaign
    from orchestrator.report.html.start import write_start

    if len(reports) > 1:
        return str(write_start(reports, place))
    return "\n".join(str(write_campaign(report.document, report.records, place)) for report in reports)
