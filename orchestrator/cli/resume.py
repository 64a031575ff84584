"""``python -m orchestrator resume [CAMPAIGN]``: continue a campaign whose orchestrator ended before its runs."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.errors import EXIT_FAILED, EXIT_OK
from orchestrator.report.kept import program_state


def main(arguments: Sequence[str]) -> int:
    """Find submitted runs, submit the others, and follow all to their end. Runs that did not complete get another
    attempt. All goes the way of ``run``: as many jobs at a time, and as alike.
    """
    program = program_state()
    known = parse("resume", arguments)
    options = common.campaign_options(known, "resume")
    from orchestrator.campaign import following as campaigns
    from orchestrator.campaign.conduct import attend
    from orchestrator.cli.run import report_outcome
    from orchestrator.launch.schedulers import scheduler
    from orchestrator.report.tables.live import LiveView

    console = common.stderr_console(known.quiet)
    folder = common.campaign_folders(options.campaigns, options.results)[0]
    with campaigns.attended(folder):
        loaded = campaigns.load(folder)
        runs = loaded.whole()
        common.tell_damaged(loaded.damaged)
        config = runs[0][1].config
        store = common.open_store(common.campaign_store_url(options.store, config, folder.parent))
        store.refuse_read_only()
        chosen = scheduler(runs[0][1].scheduler)
        outcome = attend(chosen, runs, config, store, LiveView(console), retry=True)
    code = report_outcome(outcome, console, options.json, program)
    return code or (EXIT_FAILED if loaded.damaged else EXIT_OK)
