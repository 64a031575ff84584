"""Every kind of page, made of stored runs: for tests that hold all of them to the same."""

from __future__ import annotations

from pathlib import Path

from made import made_campaign, made_record
from stored import failed_run, placed_run, scaling_campaign, stored_run

from orchestrator.analysis.courses import COLUMNS
from orchestrator.report.document import report_document
from orchestrator.report.formats import Report
from orchestrator.report.formats.html import write
from orchestrator.report.html.history import write_history
from orchestrator.store.store import RunRecord, Store, default_url

WEEK = 7 * 86400.0


def all_pages(folder: Path) -> dict[str, Path]:
    """Write one page of each kind; return them by their kinds."""
    runs = [*scaling_campaign(folder / "runs"), failed_run(folder / "runs", name="broken"), placed_run(folder / "runs")]
    fields = [
        stored_run(folder / "f", "fields", f"{data}-{method}-{seed}", repeat=seed, dataset_name=data, method=method)
        for data in ("apples", "pears") for method in ("plain", "clever") for seed in range(2)
    ]  # fmt: skip
    reports = [report_of("weekly", runs), report_of("fields", fields)]
    write(reports, folder / "html")
    store = Store(default_url(folder))
    store.put_all(slowed_runs(folder / "history"))
    results = folder / "results"
    results.mkdir()
    return {
        "start": folder / "html" / "index.html",
        "campaign": folder / "html" / "weekly" / "index.html",
        "run": folder / "html" / "weekly" / "run-placed.html",
        "matrix": folder / "html" / "fields" / "index.html",
        "history": write_history(store.history(columns=COLUMNS), folder / "course"),
        "acceptance": made_record(folder / "accept", made_campaign(results)) / "index.html",
    }


def report_of(name: str, records: list[RunRecord]) -> Report:
    """A campaign's report."""
    return Report(name, report_document(name, records), records)


def slowed_runs(folder: Path) -> list[RunRecord]:
    """Five runs a week of two series over fourteen weeks, the last three of them a fifth slower."""
    records = []
    for cluster in ("one", "other"):
        for week in range(14):
            rate = (100 if week < 11 else 80.5) * (1.0 if cluster == "one" else 1.1)
            for repeat in range(5):
                created = 1.79e9 + week * WEEK + 60 * repeat
                speed = rate * (1 + 0.004 * ((7 * repeat + 3 * week) % 5 - 2))
                name = f"{cluster}-r{repeat}"
                records.append(stored_run(folder, f"week-{week}", name, 2, repeat, speed, created, cluster=cluster))
    return records
