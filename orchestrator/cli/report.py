"""``python -m orchestrator report [CAMPAIGN…]``: what the store has of campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.config.compose import UsageError, nearest

if TYPE_CHECKING:
    from orchestrator.store.store import RunRecord


def show(name: str, records: Sequence[RunRecord], as_json: bool) -> int:
    """Print one campaign's report; returns the exit code that its runs amount to."""
    from orchestrator.report.document import report_document
    from orchestrator.report.terminal import print_report

    document = report_document(name, records)
    if as_json:
        common.print_json(document)
    else:
        print_report(document, common.stdout_console())
    return common.exit_code(document["runs"])


def main(arguments: Sequence[str]) -> int:
    """Print reports; the exit code is the worst of the campaigns'."""
    options = common.parse_campaigns(arguments, "report")
    from orchestrator.store.store import default_url

    if options.store is None and not (options.results / "store.sqlite").exists():
        raise UsageError(
            f"There is no store in {options.results}; run something first, or give results= or store.url=."
        )
    store = common.open_store(options.store or default_url(options.results))
    known = store.campaigns()
    if not known:
        raise UsageError("The store is empty.")
    names = [name.rstrip("/").rpartition("/")[2] for name in options.campaigns] or known[:1]
    for name in names:
        if name not in known:
            raise UsageError(f"The store has no campaign '{name}'.{nearest(name, known)}")
    return max(show(name, store.campaign(name), options.json) for name in names)
