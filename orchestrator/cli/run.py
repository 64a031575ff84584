"""``python -m orchestrator KEY=VALUE…``: plan, submit, watch with live progress, collect, print the table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.cli import common
from orchestrator.config.compose import compose_all
from orchestrator.config.validate import validate
from orchestrator.launch.base import Scheduler
from orchestrator.plan import Campaign, Site, plan
from orchestrator.records import EXIT_FAILED, Manifest, RunDirectory
from orchestrator.weights import with_weights


def make_plan(options: common.Options) -> tuple[list[dict[str, Any]], Campaign]:
    """The configurations of a command line and the campaign that they make. Raises UsageError."""
    from orchestrator.launch.job import usable_cores

    configs = compose_all(options.overrides, options.multirun, options.config_dir)
    for config in configs:
        validate(config)
    configs = [with_weights(config, Path.cwd()) for config in configs]
    return configs, plan(configs, common.stamp(), Site(usable_cores(), Path.cwd()))


def main(arguments: Sequence[str]) -> int:
    """Run a campaign to its end."""
    options = common.parse(arguments, "", detach=True)
    configs, campaign = make_plan(options)

    from orchestrator import campaign as campaigns
    from orchestrator.launch.schedulers import scheduler
    from orchestrator.preflight import preflight
    from orchestrator.provenance import provenance

    console = common.stderr_console()
    store = None
    if campaign.results.is_dir() or configs[0]["store"]["url"]:
        store = common.open_store(common.store_url(configs[0], campaign.results))
    preflight(configs, campaign, console)
    runs = campaigns.create(campaign, provenance(Path(__file__).resolve().parents[2]))
    store = store or common.open_store(common.store_url(configs[0], campaign.results))
    console.print(f"campaign {campaign.name}: {len(runs)} run{'s' if len(runs) > 1 else ''}", highlight=False)
    return watch(scheduler(configs[0]["cluster"]["scheduler"]), runs, configs[0], store, console, options.json)


def watch(
    scheduler: Scheduler,
    runs: list[tuple[RunDirectory, Manifest]],
    config: Mapping[str, Any],
    store: Any,
    console: Any,
    as_json: bool,
) -> int:
    """Follow runs to their end, collecting each as it ends; then report. Ctrl-C cancels what is in flight."""
    from orchestrator import campaign as campaigns
    from orchestrator.cli.report import show
    from orchestrator.collect import collect_run
    from orchestrator.report.live import LiveView
    from orchestrator.store.store import RunRecord, StoreError
    from orchestrator.watch import RunStatus

    collected: dict[str, RunRecord] = {}
    troubles: list[str] = []

    def put(directory: RunDirectory, manifest: Manifest, status: RunStatus) -> None:
        collected[status.run] = record = collect_run(directory, manifest, status)
        try:
            store.put(record)
        except StoreError as error:
            troubles.append(str(error))

    limits = campaigns.Limits(config["cluster"]["limits"]["max_jobs"], config["watch"]["interval_s"])
    interrupted = False
    try:
        with LiveView(console) as view:
            campaigns.follow(scheduler, runs, limits, view.show, put)
    except KeyboardInterrupt:
        interrupted = True
        console.print("interrupted: ending what runs …")
        statuses = campaigns.cancel(scheduler, runs)
        for (directory, manifest), status in zip(runs, statuses, strict=True):
            if status.run not in collected:
                put(directory, manifest, status)
    name = runs[0][1].spec.campaign
    code = show(name, [collected[manifest.spec.run] for _, manifest in runs], as_json)
    for trouble in dict.fromkeys(troubles):
        console.print(f"[red]{trouble}[/red]; nothing is lost: `python -m orchestrator collect {name}` tries again")
    return code or (EXIT_FAILED if interrupted or troubles else code)
