"""The definition of a schedule, a document in the schedule's folder. A back end needs to know this folder alone.

RESULTS/schedule/NAME/
  schedule.json   the definition, resolved when it was installed
  start           the script that every back end starts; it sets the environment
  state.json      the last slot that was run, and how it ended
  told.json       the alarms that people were told of
  log/            a file for each sweep, the newest ``keep_logs`` of them
  spool/          messages that were not sent yet
  history/        the HTML history
RESULTS/schedule/lock-CLUSTER.json   held by the running sweep of that cluster
"""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.config.schema_schedule import NotifyConfig, ScheduleConfig
from orchestrator.errors import UsageError
from orchestrator.launch.job import PROJECT
from orchestrator.notification.settings import NotifySettings
from orchestrator.records import read_json, write_json
from orchestrator.schedule.settings import ScheduleSettings
from orchestrator.schedule.timing import Timing, local_zone

SCHEMA = "orchestrator.schedule-definition/1"
FOLDER = "schedule"

CARRIED = (
    "PATH", "LD_LIBRARY_PATH", "MODULEPATH", "MODULESHOME", "LMOD_CMD", "BASH_ENV", "TZ", "LANG",
    "SLURM_CONF", "ORCHESTRATOR_CONFIG_DIR", "PGHOST", "PGPORT", "PGPASSFILE", "PGSERVICEFILE",
)  # fmt: skip
"""Variables of the installing shell that the sweep gets too: cron and similar programs set almost none."""


@dataclass
class Schedule:
    """A scheduled sweep.

    ``overrides``: the arguments for cluster, results folder and store, as given. ``settings`` and ``notify``: the
    resolved configuration groups (config/schema_schedule.py). ``created``: seconds since the epoch.
    """

    name: str
    cluster: str
    when: str
    via: str
    suite: str | None
    sweep: str | None
    until: str | None
    overrides: list[str]
    config_dir: str | None
    directory: str
    results: str
    store: str
    settings: ScheduleSettings
    notify: NotifySettings
    environment: dict[str, str]
    created: float
    python: str = field(default=sys.executable)

    @property
    def folder(self) -> Path:
        """The schedule's folder."""
        return Path(self.results) / FOLDER / self.name

    @property
    def identity(self) -> str:
        """The name that its crontab lines, units and jobs carry: unique to the name and the results folder."""
        return f"{self.name}-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    @property
    def timing(self) -> Timing:
        """The times of its sweeps."""
        return Timing(self.when)

    @property
    def start(self) -> Path:
        """The script that back ends start."""
        return self.folder / "start"

    @property
    def end(self) -> datetime | None:
        """The moment after which no sweep is started, or None."""
        return parse_expiry(self.until) if self.until else None

    @property
    def title(self) -> str:
        """The suite and cluster, for people."""
        return f"{self.suite or 'sweep'} of {self.cluster}"

    def command_words(self, campaign: str) -> list[str]:
        """Return the arguments of ``python -m orchestrator`` for one sweep."""
        common = [*self.overrides, *(["--config-dir", self.config_dir] if self.config_dir else []), "--json"]
        if self.sweep:
            return ["run", *shlex.split(self.sweep), f"campaign={campaign}", *common]
        more = shlex.split(self.settings.get("words") or "")
        return ["accept", f"suite={self.suite}", f"name={campaign}", *more, *common]

    def write(self) -> None:
        """Write the definition into its folder. Only the owner may read it, since it holds people's addresses."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(self.folder / "schedule.json", {"schema": SCHEMA, **asdict(self)})

    def is_same_as(self, other: Schedule | None) -> bool:
        """Whether the other schedule is equal, apart from the time of its making."""
        return other is not None and asdict(self) == {**asdict(other), "created": self.created}


def read_schedule(folder: Path) -> Schedule:
    """Return the schedule of a folder. Raises UsageError if there is none."""
    path = folder / "schedule.json"
    if not path.exists():
        raise UsageError(f"There is no schedule in {folder}; make one with `schedule install`.")
    try:
        document = read_json(path)
        names = {item.name for item in fields(Schedule)}
        known: dict[str, Any] = {key: value for key, value in document.items() if key in names}
        # One that an earlier version wrote lacks what came since.
        for group, usual in default_settings().items():
            if group in known:
                known[group] = fill_in_defaults(usual, known[group])
        return Schedule(**known)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} cannot be read: {error}; make it again with `schedule install`.") from error


def default_settings() -> dict[str, Any]:
    """Return ``settings`` and ``notify`` of a schedule as the schema has them."""
    return {"settings": asdict(ScheduleConfig()), "notify": asdict(NotifyConfig())}


def fill_in_defaults(defaults: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings ``given``, completed with ``defaults`` at every level."""
    return {
        **given,
        **{
            key: fill_in_defaults(value, given[key])
            if key in given and isinstance(value, dict) and value
            else given.get(key, value)
            for key, value in defaults.items()
        },
    }


def installed_schedules(results: Path) -> list[Schedule]:
    """Return all schedules of a results folder."""
    return [read_schedule(path.parent) for path in sorted((results / FOLDER).glob("*/schedule.json"))]


def parse_expiry(text: str) -> datetime:
    """Return the moment that the text names, or the end of the day that it names, in local time. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"until={text!r} is no date: write 2027-06-30 or 2027-06-30T12:00.") from error
    if len(text) == len("2027-06-30"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=local_zone())


def carried_environment(environment: Mapping[str, str], settings: ScheduleSettings) -> dict[str, str]:
    """Return the sweep's environment, from this shell's and from the configuration."""
    found = {name: environment[name] for name in CARRIED if environment.get(name)}
    path = os.pathsep.join(dict.fromkeys([str(PROJECT), *environment.get("PYTHONPATH", "").split(os.pathsep)]))
    return {**found, "PYTHONPATH": path.rstrip(os.pathsep), **settings["environment"]}
