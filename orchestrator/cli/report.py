"""``python -m orchestrator report [CAMPAIGN…] [--format html -o DIR] [--history -o DIR]``: what the store has."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli import common
from orchestrator.config.compose import UsageError, nearest
from orchestrator.records import EXIT_OK

if TYPE_CHECKING:
    from orchestrator.store.store import RunRecord, Store


FLEET_WEEKS = 8
"""So far back hosts are looked at that may be slow again and again."""


def fleet_of(store: Store, records: Sequence[RunRecord]) -> list[dict[str, Any]]:
    """What the store knows of the hosts of the campaign's clusters, over the weeks up to its end."""
    newest = max((record.run["created"] for record in records), default=0.0)
    rows = []
    for cluster in sorted({record.run["cluster"] for record in records}):
        since = newest - FLEET_WEEKS * 7 * 86400
        rows += store.host_history(cluster=cluster, since=since, until=newest + 1)
    return rows


def show(name: str, records: Sequence[RunRecord], as_json: bool, fleet: Sequence[Mapping[str, Any]] = ()) -> int:
    """Print one campaign's report; returns the exit code that its runs amount to."""
    from orchestrator.report.document import report_document
    from orchestrator.report.terminal import print_report

    document = report_document(name, records, fleet)
    if as_json:
        common.print_json(document)
    else:
        print_report(document, common.stdout_console())
    return common.exit_code(document["runs"])


def html_options(arguments: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """``--format``, ``-o`` and ``--history``, and the arguments that are left. Raises UsageError."""
    parser = common.Parser(prog="python -m orchestrator report", add_help=False, allow_abbrev=False)
    parser.add_argument("--format", choices=("terminal", "json", "html"), default=None)
    parser.add_argument("-o", "--output", type=Path, default=None)
    parser.add_argument("--history", action="store_true")
    ours, rest = parser.parse_known_args(list(arguments))
    if ours.history and ours.format not in (None, "html"):
        raise UsageError(f"--history is written as html, not {ours.format}.")
    if (ours.history or ours.format == "html") and ours.output is None:
        raise UsageError("The HTML report is a folder: say where with -o DIR.")
    if ours.format == "json":
        rest.append("--json")
    return ours, rest


def write_html(name: str, records: Sequence[RunRecord], output: Path, several: bool) -> int:
    """Write one campaign's pages and print where; of several campaigns each gets a folder of its own."""
    from orchestrator.report.document import report_document
    from orchestrator.report.html.campaign import write_campaign
    from orchestrator.report.html.folder import page_name

    document = report_document(name, records)
    print(write_campaign(document, records, output / page_name(name) if several else output))
    return common.exit_code(document["runs"])


def main(arguments: Sequence[str]) -> int:
    """Print reports; the exit code is the worst of the campaigns'."""
    ours, rest = html_options(arguments)
    options = common.parse_campaigns(rest, "report")
    from orchestrator.store.store import default_url

    if options.store is None and not (options.results / "store.sqlite").exists():
        raise UsageError(
            f"There is no store in {options.results}; run something first, or give results= or store.url=."
        )
    store = common.open_store(options.store or default_url(options.results))
    known = store.campaigns()
    if not known:
        raise UsageError("The store is empty.")
    if ours.history:
        from orchestrator.report.html.history import write_history

        print(write_history(store.history(), ours.output))
        return EXIT_OK
    names = [name.rstrip("/").rpartition("/")[2] for name in options.campaigns] or known[:1]
    for name in names:
        if name not in known:
            raise UsageError(f"The store has no campaign '{name}'.{nearest(name, known)}")
    if ours.format == "html":
        return max(write_html(name, store.campaign(name), ours.output, len(names) > 1) for name in names)
    codes = []
    for name in names:
        records = store.campaign(name)
        codes.append(show(name, records, options.json, fleet_of(store, records)))
    return max(codes)
