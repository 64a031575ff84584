"""Pages; see orchestrator.report.html."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.report.formats import Report


def write(reports: Sequence[Report], place: Path) -> str:
    """A campaign's pages into the folder; of several campaigns each gets a folder of its own."""
    from orchestrator.report.html.campaign import write_campaign
    from orchestrator.report.html.folder import page_name

    written = []
    for report in reports:
        folder = place / page_name(report.campaign) if len(reports) > 1 else place
        written.append(str(write_campaign(report.document, report.records, folder)))
    return "\n".join(written)
