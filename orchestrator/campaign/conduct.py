"""One campaign from resolved configurations to records in the store: what the run verb does, for whoever needs it.

    outcome = conduct(configs, LiveView(console), name="acceptance-1")

plans, looks for what would make a run fail, writes the campaign down, submits, follows and collects. Whoever calls it
brings the view that shows the runs meanwhile.
Configurations come from ``compose_all`` and have passed ``validate``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.campaign.ending import Ended, end_in_words
from orchestrator.campaign.log import Changes, logged
from orchestrator.campaign.trained import with_weights
from orchestrator.config.safety import refuse_control, refuse_unsafe_folder
from orchestrator.plan import Campaign, Site, plan
from orchestrator.records.settings import Configuration
from orchestrator.records.topology import read_topology

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.campaign.following import Runs
    from orchestrator.campaign.state import RunStatus
    from orchestrator.launch.base import Scheduler
    from orchestrator.records import Manifest, RunDirectory
    from orchestrator.store.store import RunRecord, Store

PROJECT = Path(__file__).resolve().parents[2]


class View(Protocol):
    """Shows how the runs are, from when it is entered until it is left; messages go to its console."""

    console: Console

    def __enter__(self) -> Any: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, statuses: Sequence[RunStatus]) -> None:
        """Show the statuses."""


@dataclass
class Outcome:
    """The outcome of a campaign.

    ``records`` has one record for each planned run, in the plan's order; ``store`` is where they are. ``troubles`` are
    errors of the store, if records could not be written. ``interrupted``: Ctrl-C ended the campaign. ``detached``: its
    jobs continue, and some records are of runs that have not ended.
    """

    campaign: str
    folder: Path
    records: list[RunRecord]
    interrupted: bool
    troubles: list[str]
    store: Store
    detached: bool = False


def prepare(configs: Sequence[Configuration], name: str | None = None) -> tuple[list[Configuration], Campaign]:
    """Return the configurations, with named weights replaced by their files, and the campaign of them. Raises
    UsageError.
    """
    if name is not None:
        configs = [{**config, "campaign": name} for config in configs]
    for config in configs:
        refuse_unsafe_folder("results", Path.cwd() / config["results"], config["cluster"]["scheduler"])
        refuse_control("cluster.paths.data", str(Path.cwd() / config["cluster"]["paths"]["data"]))
    whole = [with_weights(config, Path.cwd()) for config in configs]
    return whole, plan(whole, time.strftime("%Y%m%d-%H%M%S"), Site(read_topology().usable_cores, Path.cwd()))


def conduct(
    configs: Sequence[Configuration],
    view: View,
    name: str | None = None,
    detach: bool = False,
    command: str | None = None,
) -> Outcome:
    """Run the campaign of the configurations to its end. Progress is shown in ``view``.

    ``name`` overrides the campaign's name. ``command`` is the command line that repeats it, kept with every run. With
    ``detach`` it returns after submitting as many runs as allowed at once.
    Raises UsageError before anything is submitted, StoreError if there is no store.
    """
    from orchestrator.campaign.dataset import DataProcess

    # Both load their libraries at the same time.
    with DataProcess() as process:
        from orchestrator.campaign import following as campaigns
        from orchestrator.campaign.preflight import preflight
        from orchestrator.campaign.provenance import provenance
        from orchestrator.launch.schedulers import scheduler
        from orchestrator.store.engine import open_engine
        from orchestrator.store.store import Store, default_url

        whole, planned = prepare(configs, name)
        url = whole[0]["store"]["url"] or default_url(planned.results)
        # A store that cannot be used is known before anything is made. Its folder may be yet to be: then it opens
        # later.
        store = Store(url) if planned.results.is_dir() or whole[0]["store"]["url"] else None
        if store is None:
            open_engine(url)
        else:
            store.refuse_read_only()
        preflight(whole, planned, view.console, process)
    found = provenance(PROJECT)
    runs = campaigns.create(planned, {**found, "command": command} if command else found)
    store = store or Store(url)
    view.console.print(f"campaign {planned.name}: {len(runs)} run{'s' if len(runs) > 1 else ''}", highlight=False)
    chosen = scheduler(whole[0]["cluster"]["scheduler"])
    with campaigns.attended(planned.folder):
        return attend(chosen, runs, whole[0], store, view, detach)


def attend(
    scheduler: Scheduler,
    runs: Runs,
    config: Configuration,
    store: Store,
    view: View,
    detach: bool = False,
    retry: bool = False,
) -> Outcome:
    """Submit the planned runs and follow all runs to their end, collecting each as it ends. With ``retry`` those that
    did not complete get another attempt.

    Ctrl-C asks whether to cancel the jobs in flight or to leave them running. Without a terminal it cancels. SIGTERM
    and the end of the terminal leave them running, and raise Ended.
    """
    from orchestrator.campaign import following as campaigns
    from orchestrator.campaign.account import write_account
    from orchestrator.campaign.collect import collect_run
    from orchestrator.campaign.state import query_statuses
    from orchestrator.campaign.storing import Storing

    collected: dict[str, RunRecord] = {}
    storing = Storing(store)

    def put(directory: RunDirectory, manifest: Manifest, status: RunStatus) -> None:
        write_account(scheduler, (directory, manifest))
        collected[status.run] = record = collect_run(directory, manifest, status)
        storing.put(record)

    console = view.console

    def tell(text: str) -> None:
        console.print(text, highlight=False, markup=False)

    first, manifest = runs[0]
    name = manifest.spec.campaign
    changes = Changes()

    def show(statuses: Sequence[RunStatus]) -> None:
        changes.note(statuses)
        view.show(statuses)

    limits = campaigns.Limits(config["cluster"]["limits"]["max_jobs"], config["watch"]["interval_s"])
    interrupted, detached = False, detach
    try:
        again = campaigns.Retry(tell) if retry else None
        with logged(first.path.parent), end_in_words(), view:
            statuses = campaigns.follow(scheduler, runs, limits, show, put, detach, again)
    except Ended as error:
        raise error.adding(f"what was submitted goes on, and `resume {name}` follows it") from None
    except KeyboardInterrupt:
        detached = wants_to_detach(console)
        interrupted = not detached
        console.print("detached: what was submitted goes on" if detached else "interrupted: ending what runs …")
        statuses = query_statuses(scheduler, runs) if detached else campaigns.cancel(scheduler, runs)
    for (directory, manifest), status in zip(runs, statuses, strict=True):
        if status.run not in collected:
            put(directory, manifest, status)
    if detached:
        later = [status for status in statuses if status.state == "planned"]
        if later:
            why = later[0].reason or f"cluster.limits.max_jobs={limits.max_jobs}"
            left = f"{len(later)} of {len(runs)} runs are not submitted yet ({why})"
            tell(f"{left}, and nothing submits them before `resume {name}` does")
        console.print(
            f"`status {name}` shows them, `resume {name}` follows and collects them, `cancel {name}` ends them"
        )
    return Outcome(
        name,
        first.path.parent,
        [collected[manifest.spec.run] for _, manifest in runs],
        interrupted,
        storing.finish(),
        store,
        detached,
    )


def wants_to_detach(console: Console) -> bool:
    """Whether jobs continue after Ctrl-C. Without a person to ask, or after a second Ctrl-C, they do not."""
    if not (console.is_terminal and sys.stdin.isatty()):
        return False
    try:
        while True:
            question = "\nd: detach, jobs go on · c (or Ctrl-C again): cancel them · [d/c] "
            console.print(question, end="", markup=False, highlight=False)
            answer = input().strip().lower()
            if answer[:1] in ("d", "c"):
                return answer[0] == "d"
    except (KeyboardInterrupt, EOFError):
        return False
