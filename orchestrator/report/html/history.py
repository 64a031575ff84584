"""The page over all campaigns of a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.report.html.folder import Folder
from orchestrator.report.html.plots.history import history


def write_history(rows: Sequence[Mapping[str, Any]], output: Path) -> Path:
    """The page over all campaigns, from Store.history(); returns it."""
    campaigns = len({row["campaign"] for row in rows})
    answer = f"{len(rows)} completed runs in {campaigns} campaigns."
    plots = history(rows)
    return Folder(output).page("index", "history.html", plots, title="History", answer=answer, contents=[])
