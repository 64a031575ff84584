"""``python -m orchestrator cancel [CAMPAIGN…]``: end what is in flight and record it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.errors import EXIT_FAILED, EXIT_INFRASTRUCTURE, EXIT_OK, UsageError

if TYPE_CHECKING:
    from orchestrator.campaign.state import RunStatus


def main(arguments: Sequence[str]) -> int:
    """Cancel the campaigns' runs; return the exit code. Raises UsageError if nobody says which, and nobody can be
    asked.
    """
    known = parse("cancel", arguments)
    options = common.campaign_options(known, "cancel")
    asks = not known.yes and not options.json and sys.stdin.isatty() and sys.stderr.isatty()
    if not (known.yes or asks or options.campaigns):
        raise UsageError("Say which campaign to cancel, cancel NAME, or give --yes for the newest.")
    from orchestrator.campaign import following as campaigns
    from orchestrator.campaign.collect import collect
    from orchestrator.campaign.log import logged
    from orchestrator.campaign.state import query_statuses
    from orchestrator.launch.schedulers import scheduler
    from orchestrator.report.tables.fitting import print_fitting
    from orchestrator.report.tables.live import progress_table

    code = EXIT_OK
    documents = []
    for folder in common.campaign_folders(options.campaigns, options.results):
        loaded = campaigns.load(folder)
        runs, chosen = loaded.whole(), scheduler(loaded.scheduler)
        if asks and not agreed(folder, query_statuses(chosen, runs)):
            continue
        with logged(folder):
            statuses = campaigns.cancel(chosen, runs)
        common.tell_damaged(loaded.damaged)
        code = EXIT_FAILED if loaded.damaged else code
        store = common.open_store(common.campaign_store_url(options.store, runs[0][1].config, folder.parent))
        for (directory, manifest), status in zip(runs, statuses, strict=True):
            collect(store, directory, manifest, status)
            code = code if status.final else EXIT_INFRASTRUCTURE
        documents.append({"campaign": folder.name, "runs": {status.run: status.state for status in statuses}})
        if not options.json:
            print_fitting(progress_table(statuses), (), common.stdout_console())
    if options.json:
        common.print_json({"schema": "orchestrator.cancel/1", "campaigns": documents})
    return code


def agreed(folder: Path, statuses: Sequence[RunStatus]) -> bool:
    """Whether the person at the terminal wants a campaign's runs to end; no answer is no."""
    open_ones = [status for status in statuses if not status.final]
    running = sum(status.state == "running" for status in open_ones)
    if not open_ones:
        return True
    counted = f"{len(open_ones)} of {len(statuses)} runs have not ended, {running} of them running"
    print(f"{folder.name}: {counted}. End them? [y/N] ", end="", file=sys.stderr, flush=True)
    try:
        answer = input().strip().lower()
    except EOFError:
        answer = ""
        print(file=sys.stderr)
    if answer in ("y", "yes"):
        return True
    print(f"{folder.name}: left as it is", file=sys.stderr)
    return False
