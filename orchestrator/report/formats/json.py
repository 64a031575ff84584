"""The report's document itself, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.report.formats import Report


def render(reports: Sequence[Report]) -> str:
    """Return the document of one campaign, or one document that holds those of several."""
    documents = [report.document for report in reports]
    whole = documents[0] if len(documents) == 1 else {"schema": "orchestrator.reports/1", "reports": documents}
    return json.dumps(whole, indent=1) + "\n"
