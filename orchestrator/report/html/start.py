"""The start page over several campaigns of one report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.report.formats import Report
from orchestrator.report.html.campaign import write_campaign
from orchestrator.report.html.folder import Folder, page_name, time_text
from orchestrator.report.html.plots.figure import count_text
from orchestrator.report.tables.text import headline


def write_start(reports: Sequence[Report], output: Path) -> Path:
    """Write the pages of each campaign into a folder of its own, and index.html, which leads to them; return its path.
    Raises UsageError.
    """
    folder = Folder(output)
    entries = []
    for report in reports:
        name = page_name(report.campaign)
        write_campaign(report.document, report.records, output / name, folder)
        runs = report.document["runs"]
        created = min((record.run["created"] for record in report.records), default=None)
        entries.append(
            {
                "name": report.campaign,
                "page": f"{name}/index.html",
                "created": time_text(created) if created is not None else "–",
                "benchmarks": ", ".join(dict.fromkeys(run["benchmark"] for run in runs)),
                "clusters": ", ".join(dict.fromkeys(run["cluster"] for run in runs)),
                "done": sum(run["state"] == "completed" for run in runs),
                "runs": len(runs),
                "answer": headline(report.document),
            }
        )
    done, count = sum(entry["done"] for entry in entries), sum(entry["runs"] for entry in entries)  # type: ignore[misc]
    page = folder.page(
        "index", "start.html", [],
        title=count_text(len(entries), "campaign"), facts=[], contents=[],
        answer=f"{done} of {count_text(count, 'run')} completed.", entries=entries,
    )  # fmt: skip
    folder.finish()
    return page
