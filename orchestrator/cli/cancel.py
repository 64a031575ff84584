"""``python -m orchestrator cancel [CAMPAIGN…]``: end what is in flight and record it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli import common
from orchestrator.errors import EXIT_INFRASTRUCTURE, EXIT_OK


def main(arguments: Sequence[str]) -> int:
    """Cancel the campaigns' runs; return the exit code."""
    options = common.parse_campaigns(arguments, "cancel")
    from orchestrator.campaign import following as campaigns
    from orchestrator.campaign.collect import collect
    from orchestrator.launch.schedulers import scheduler
    from orchestrator.report.tables.live import progress_table

    code = EXIT_OK
    documents = []
    for folder in common.campaign_folders(options.campaigns, options.results):
        runs = campaigns.load(folder)
        statuses = campaigns.cancel(scheduler(runs[0][1].scheduler), runs)
        store = common.open_store(common.campaign_store_url(options.store, runs[0][1].config, folder.parent))
        for (directory, manifest), status in zip(runs, statuses, strict=True):
            collect(store, directory, manifest, status)
            code = code if status.final else EXIT_INFRASTRUCTURE
        documents.append({"campaign": folder.name, "runs": {status.run: status.state for status in statuses}})
        if not options.json:
            common.stdout_console().print(progress_table(statuses))
    if options.json:
        common.print_json({"schema": "orchestrator.cancel/1", "campaigns": documents})
    return code
