"""What is scheduled, as a document in the schedule's folder: whatever starts the sweep needs to know this folder alone.

RESULTS/schedule/NAME/
  schedule.json   the definition, resolved when it was installed
  start           the script that every back end starts; it sets the environment
  state.json      the last slot that was run, and how it ended
  told.json       what people were told last
  log/            one file a sweep, the last ``keep_logs`` of them
  spool/          messages that could not be delivered yet
  history/        the HTML history
RESULTS/schedule/lock-CLUSTER.json   held by the sweep of that cluster that runs now
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
from orchestrator.records import read_json, write_json
from orchestrator.schedule.timing import Timing, local_zone

SCHEMA = "orchestrator.schedule-definition/1"
FOLDER = "schedule"

CARRIED = (
    "PATH", "LD_LIBRARY_PATH", "MODULEPATH", "MODULESHOME", "LMOD_CMD", "BASH_ENV", "TZ", "LANG",
    "SLURM_CONF", "ORCHESTRATOR_CONFIG_DIR", "PGHOST", "PGPORT", "PGPASSFILE", "PGSERVICEFILE",
)  # fmt: skip
"""Variables of the shell that installs which the sweep finds again: cron and its kin start with hardly any."""


@dataclass
class Schedule:
    """A scheduled sweep. ``overrides``: the words for cluster, results folder and store, as they were given;
    ``settings`` and ``notify``: the resolved configuration groups (config/schema_schedule.py); ``created``: seconds
    since the epoch.
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
    settings: dict[str, Any]
    notify: dict[str, Any]
    environment: dict[str, str]
    created: float
    python: str = field(default=sys.executable)

    @property
    def folder(self) -> Path:
        """Where it lives."""
        return Path(self.results) / FOLDER / self.name

    @property
    def identity(self) -> str:
        """What its lines, units and jobs are known by: its name, and which results folder it belongs to."""
        return f"{self.name}-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:8]}"

    @property
    def timing(self) -> Timing:
        """When."""
        return Timing(self.when)

    @property
    def start(self) -> Path:
        """The script that back ends start."""
        return self.folder / "start"

    @property
    def end(self) -> datetime | None:
        """The moment from which on nothing is run."""
        return expiry(self.until) if self.until else None

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.suite or 'sweep'} of {self.cluster}"

    def words(self, campaign: str) -> list[str]:
        """The command line, without ``python -m orchestrator``, of one sweep."""
        common = [*self.overrides, *(["--config-dir", self.config_dir] if self.config_dir else []), "--json"]
        if self.sweep:
            return ["run", *shlex.split(self.sweep), f"campaign={campaign}", *common]
        more = shlex.split(self.settings.get("words") or "")
        return ["accept", f"suite={self.suite}", f"name={campaign}", *more, *common]

    def write(self) -> None:
        """Into its folder, which only its owner may read: it says where people are reached."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_json(self.folder / "schedule.json", {"schema": SCHEMA, **asdict(self)})

    def same(self, other: Schedule | None) -> bool:
        """Whether the other says the same, whenever it was made."""
        return other is not None and asdict(self) == {**asdict(other), "created": self.created}


def read(folder: Path) -> Schedule:
    """The schedule of a folder. Raises UsageError where there is none."""
    path = folder / "schedule.json"
    if not path.exists():
        raise UsageError(f"There is no schedule in {folder}; make one with `schedule install`.")
    try:
        document = read_json(path)
        names = {item.name for item in fields(Schedule)}
        schedule = Schedule(**{key: value for key, value in document.items() if key in names})
        # One that an earlier version wrote lacks what came since.
        schedule.settings = completed(asdict(ScheduleConfig()), schedule.settings)
        schedule.notify = completed(asdict(NotifyConfig()), schedule.notify)
        return schedule
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path} cannot be read: {error}; make it again with `schedule install`.") from error


def completed(defaults: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """A group of settings with what it lacks."""
    return {
        **given,
        **{
            key: completed(value, given[key])
            if key in given and isinstance(value, dict) and value
            else given.get(key, value)
            for key, value in defaults.items()
        },
    }


def installed(results: Path) -> list[Schedule]:
    """All schedules of a results folder."""
    return [read(path.parent) for path in sorted((results / FOLDER).glob("*/schedule.json"))]


def expiry(text: str) -> datetime:
    """The end of a day, or a moment, in local time. Raises UsageError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"until={text!r} is no date: write 2027-06-30 or 2027-06-30T12:00.") from error
    if len(text) == len("2027-06-30"):
        moment = moment.replace(hour=23, minute=59, second=59)
    return moment if moment.tzinfo else moment.replace(tzinfo=local_zone())


def carried(environment: Mapping[str, str], settings: Mapping[str, Any]) -> dict[str, str]:
    """What the sweep's environment is to be, from this shell's and the configuration."""
    found = {name: environment[name] for name in CARRIED if environment.get(name)}
    path = os.pathsep.join(dict.fromkeys([str(PROJECT), *environment.get("PYTHONPATH", "").split(os.pathsep)]))
    return {**found, "PYTHONPATH": path.rstrip(os.pathsep), **settings["environment"]}
