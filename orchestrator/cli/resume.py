"""``python -m orchestrator resume [CAMPAIGN]``: continue a campaign whose orchestrator ended before its runs."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli import common


def main(arguments: Sequence[str]) -> int:
    """Find submitted runs, submit the others, and follow all to their end. Failed runs get another attempt."""
    options = common.parse_campaigns(arguments, "resume")
    from orchestrator.campaign import following as campaigns
    from orchestrator.campaign.conduct import attend
    from orchestrator.campaign.state import REQUEUE_SECONDS, query_statuses
    from orchestrator.campaign.submission import submit_all
    from orchestrator.cli.run import report_outcome
    from orchestrator.launch.schedulers import scheduler
    from orchestrator.report.tables.live import LiveView

    console = common.stderr_console()
    folder = common.campaign_folders(options.campaigns, options.results)[0]
    with campaigns.attended(folder):
        runs = campaigns.load(folder)
        config = runs[0][1].config
        chosen = scheduler(runs[0][1].scheduler)
        store = common.open_store(common.campaign_store_url(options.store, config, folder.parent))
        for run, status in zip(runs, query_statuses(chosen, runs, REQUEUE_SECONDS + 1), strict=True):
            manifest = run[1]
            again = status.final and status.state != "completed"
            if again and manifest.attempts < config["cluster"]["limits"]["max_attempts"]:
                console.print(f"{manifest.spec.run}: {status.state}; attempt {manifest.attempts + 1}", highlight=False)
                submit_all(chosen, [run])
        return report_outcome(attend(chosen, runs, config, store, LiveView(console)), console, options.json)
