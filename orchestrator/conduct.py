"""One campaign from resolved configurations to records in the store: what the run verb does, for whoever needs it.

    outcome = conduct(configs, console, name="acceptance-1")

plans, looks for what would make a run fail, writes the campaign down, submits, follows with a live view and collects.
Configurations come from ``compose_all`` and have passed ``validate``.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.launch.job import usable_cores
from orchestrator.plan import Campaign, Site, plan
from orchestrator.weights import with_weights

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.campaign import Runs
    from orchestrator.launch.base import Scheduler
    from orchestrator.records import Manifest, RunDirectory
    from orchestrator.store.store import RunRecord, Store
    from orchestrator.watch import RunStatus

PROJECT = Path(__file__).resolve().parents[1]


@dataclass
class Outcome:
    """What became of a campaign. ``records`` has one record a planned run, in the plan's order; ``troubles`` are the
    store's complaints, if some of them could not be put in; ``interrupted``: Ctrl-C ended it.
    """

    campaign: str
    folder: Path
    records: list[RunRecord]
    interrupted: bool
    troubles: list[str]


def prepare(configs: Sequence[Mapping[str, Any]], name: str | None = None) -> tuple[list[dict[str, Any]], Campaign]:
    """The configurations with the weights that they name found, and the campaign that they make. Raises UsageError."""
    named = {} if name is None else {"campaign": name}
    whole = [with_weights({**config, **named}, Path.cwd()) for config in configs]
    return whole, plan(whole, time.strftime("%Y%m%d-%H%M%S"), Site(usable_cores(), Path.cwd()))


def conduct(configs: Sequence[Mapping[str, Any]], console: Console, name: str | None = None) -> Outcome:
    """Carry out the campaign that the configurations make, to its end. Progress goes to ``console``.

    ``name`` overrides the campaign's. Raises UsageError before anything is submitted, StoreError if there is no store.
    """
    from orchestrator import campaign as campaigns
    from orchestrator.launch.schedulers import scheduler
    from orchestrator.preflight import preflight
    from orchestrator.provenance import provenance
    from orchestrator.store.store import Store, default_url

    whole, planned = prepare(configs, name)
    url = whole[0]["store"]["url"] or default_url(planned.results)
    # A store that does not open is known before anything is made, unless its folder is yet to be.
    store = Store(url) if planned.results.is_dir() or whole[0]["store"]["url"] else None
    preflight(whole, planned, console)
    runs = campaigns.create(planned, provenance(PROJECT))
    store = store or Store(url)
    console.print(f"campaign {planned.name}: {len(runs)} run{'s' if len(runs) > 1 else ''}", highlight=False)
    return attend(scheduler(whole[0]["cluster"]["scheduler"]), runs, whole[0], store, console)


def attend(scheduler: Scheduler, runs: Runs, config: Mapping[str, Any], store: Store, console: Console) -> Outcome:
    """Submit what is still planned and follow all runs to their end, collecting each as it ends.

    Ctrl-C cancels what is in flight.
    """
    from orchestrator import campaign as campaigns
    from orchestrator.collect import collect_run
    from orchestrator.report.live import LiveView
    from orchestrator.store.store import StoreError

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
    first, manifest = runs[0]
    return Outcome(
        manifest.spec.campaign,
        first.path.parent,
        [collected[manifest.spec.run] for _, manifest in runs],
        interrupted,
        list(dict.fromkeys(troubles)),
    )
