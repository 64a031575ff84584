"""``python -m orchestrator collect [CAMPAIGN…]``: put run folders into the store. A second time changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.cli import common
from orchestrator.errors import EXIT_FAILED, EXIT_OK
from orchestrator.records import Manifest, RunDirectory
from orchestrator.records.files import make_private


def has_ended(directory: RunDirectory, manifest: Manifest) -> bool:
    """Whether the files of the newest attempt tell how it ended."""
    attempt = directory.attempt(manifest.attempts)
    return manifest.attempts > 0 and (attempt.result.exists() or attempt.failure.exists())


def main(arguments: Sequence[str]) -> int:
    """Collect every run of the campaigns; return the exit code."""
    options = common.parse_campaigns(arguments, "collect")
    from orchestrator.campaign import following as campaigns
    from orchestrator.campaign.account import write_account
    from orchestrator.campaign.collect import collect
    from orchestrator.campaign.state import VANISHED_SECONDS, judge_run, query_statuses
    from orchestrator.launch.schedulers import scheduler

    folders = common.campaign_folders(options.campaigns, options.results)
    if options.store is None:
        make_private(options.results)
    store = common.open_store(options.store_url)
    documents, code = [], EXIT_OK
    for folder in folders:
        loaded = campaigns.load(folder)
        runs = loaded.whole()
        # What has ended is told by its files: run folders made elsewhere need no scheduler here that knows them.
        open_runs = [run for run in runs if not has_ended(*run)]
        chosen = scheduler(loaded.scheduler)
        open_ones = query_statuses(chosen, open_runs, VANISHED_SECONDS + 1) if open_runs else []
        found = {status.run: status for status in open_ones}
        statuses = [found.get(run[1].spec.run) or judge_run(chosen, run, None) for run in runs]
        for (directory, manifest), status in zip(runs, statuses, strict=True):
            write_account(chosen, (directory, manifest))
            collect(store, directory, manifest, status)
        every = [*statuses, *loaded.lost()]
        document: dict[str, object] = {"campaign": folder.name, "runs": {one.run: one.state for one in every}}
        documents.append(document | ({"damaged": loaded.damaged} if loaded.damaged else {}))
        code = EXIT_FAILED if loaded.damaged else code
        common.tell_damaged(loaded.damaged)
        if not options.json:
            print(f"{folder.name}: {len(runs)} runs collected into {store.engine.url!r}")
    if options.json:
        common.print_json({"schema": "orchestrator.collect/1", "campaigns": documents})
    return code
