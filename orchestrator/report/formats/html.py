"""HTML pages; see orchestrator.report.html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.report.formats import Report


def write(reports: Sequence[Report], place: Path) -> str:
    """Write a campaign's pages into the folder. Each of several campaigns gets a folder within it."""
    from orchestrator.report.html.campaign import write_campaign
    from orchestrator.report.html.folder import page_name

    written = []
    for report in reports:
        folder = place / page_name(report.campaign) if len(reports) > 1 else place
        written.append(str(write_campaign(report.document, report.records, folder)))
    return "\n".join(written)
