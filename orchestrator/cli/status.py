"""``python -m orchestrator status [CAMPAIGN…]``: the present states of runs, from their files and the scheduler."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli import common
from orchestrator.errors import EXIT_OK

LOOK_FOR_SECONDS = 6.0
"""How long to watch for signs of life, where runs are in flight: a rank gives one each second."""


def main(arguments: Sequence[str]) -> int:
    """Print the states."""
    options = common.parse_campaigns(arguments, "status")
    from orchestrator.campaign import following as campaigns
    from orchestrator.campaign.state import query_statuses
    from orchestrator.launch.schedulers import scheduler
    from orchestrator.report.tables.fitting import print_fitting
    from orchestrator.report.tables.live import progress_table

    documents = []
    for folder in common.campaign_folders(options.campaigns, options.results):
        loaded = campaigns.load(folder)
        statuses = loaded.lost()
        if loaded.runs:
            statuses += query_statuses(scheduler(loaded.scheduler), loaded.runs, LOOK_FOR_SECONDS)
        if options.json:
            documents.append({"campaign": folder.name, "runs": [dict(vars(status)) for status in statuses]})
        else:
            print(folder.name)
            print_fitting(progress_table(statuses), (), common.stdout_console())
    if options.json:
        common.print_json({"schema": "orchestrator.status/1", "campaigns": documents})
    return EXIT_OK
