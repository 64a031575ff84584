"""The report's document itself, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator.report.formats import Report
from orchestrator.report.json_text import json_text


def render(reports: Sequence[Report]) -> str:
    """Return the document of one campaign, or one document that holds those of several."""
    documents = [report.document for report in reports]
    whole: Mapping[str, object] = (
        documents[0] if len(documents) == 1 else {"schema": "orchestrator.reports/1", "reports": documents}
    )
    return json_text(whole, ascii_only=True) + "\n"
