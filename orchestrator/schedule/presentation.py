"""A schedule for people, and as a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TypedDict

from orchestrator.config.redaction import redact
from orchestrator.notification.channels import wanted_channels
from orchestrator.notification.spool import waiting_messages
from orchestrator.schedule.backends import BACK_ENDS, BackEndError, choose_back_end
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.installation import read_installed, start_script
from orchestrator.schedule.memory import AlarmEntry, read_memory
from orchestrator.schedule.state import LastStart, read_state
from orchestrator.schedule.timing import local_zone

NEXT = 3


class UnitEntry(TypedDict):
    """A text of a back end, and where it is put."""

    place: str
    text: str


class ChannelEntry(TypedDict):
    """A channel and whom it reaches."""

    channel: str
    target: str


class ScheduleDocument(TypedDict):
    """A schedule, where it is installed, and how it goes. ``schedule`` is its definition without secrets."""

    schedule: dict[str, object]
    folder: str
    identity: str
    installed: bool
    via: str
    units: list[UnitEntry]
    time_zone: str
    next: list[str]
    tells: list[ChannelEntry]
    notes: list[str]
    last_start: LastStart | None
    alarms: list[AlarmEntry]
    messages_waiting: int


def describe_schedule(schedule: Schedule, scheduler: str) -> ScheduleDocument:
    """Return the document of a schedule, without secrets. Raises UsageError if ``via=auto`` finds no back end."""
    back_end = (
        choose_back_end(schedule.via, schedule, scheduler) if schedule.via == "auto" else BACK_ENDS[schedule.via]()
    )
    schedule.via = back_end.name
    moment = datetime.now(local_zone())
    timing = schedule.timing
    units: list[UnitEntry] = [{"place": unit.place, "text": unit.text} for unit in back_end.units(schedule)]
    units.append({"place": str(schedule.start), "text": start_script(schedule)})
    notes = timing.clock_changes(moment)
    reason = back_end.missing(schedule)
    present = False
    if reason:
        notes.append(f"via={back_end.name}: {reason}")
    else:
        notes += back_end.notes(schedule)
        try:
            present = read_installed(schedule) is not None and schedule.start.exists() and back_end.present(schedule)
        except BackEndError as error:
            notes.append(str(error))
    kept = read_installed(schedule)
    if kept is not None and not present and not reason:
        notes.append(
            f"{kept.name} was installed via {kept.via}, but what starts it is not there as it should be; install again"
        )
    told: list[ChannelEntry] = [
        {"channel": channel.name, "target": channel.target} for channel in wanted_channels(schedule.notify)
    ]
    if not told:
        notes.append("nobody is told: give notify.mail.to=[NAME@SITE], or notify.webhook.url_file=FILE")
    definition = redact({key: value for key, value in asdict(schedule).items() if key != "environment"})
    definition["notify"]["webhook"]["url"] = "***" if schedule.notify["webhook"]["url"] else None
    return {
        "schedule": definition,
        "folder": str(schedule.folder),
        "identity": schedule.identity,
        "installed": present,
        "via": back_end.name,
        "units": units,
        "time_zone": str(local_zone()),
        "next": [f"{slot:%Y-%m-%dT%H:%M%z}" for slot in islice(timing.after(moment), NEXT)],
        "tells": told,
        "notes": notes,
        "last_start": read_state(schedule.folder).get("last_start"),
        "alarms": [alarm.to_entry() for alarm in read_memory(schedule.folder / "told.json").alarms.values()],
        "messages_waiting": len(waiting_messages(schedule.folder / "spool")),
    }


def print_schedule(document: ScheduleDocument) -> None:
    """Print the units exactly, then a summary."""
    for unit in document["units"]:
        print(f"--- {unit['place']}")
        print(unit["text"], end="" if unit["text"].endswith("\n") else "\n")
    print("---")
    schedule = document["schedule"]
    runs = f"sweep {schedule['sweep']}" if schedule["sweep"] else f"acceptance suite {schedule['suite']}"
    print(f"{schedule['name']}: {runs} on cluster {schedule['cluster']}, via {document['via']}")
    print(f"  next, in {document['time_zone']}: " + ", ".join(moment_text(text) for text in document["next"]))
    if schedule["until"]:
        print(f"  until {schedule['until']}")
    print(f"  installed: {'yes' if document['installed'] else 'no'}")
    last = document["last_start"]
    if last:
        when = f"{datetime.fromtimestamp(last['moment']):%Y-%m-%d %H:%M}"
        print(f"  last start {when}: " + (last["reason"] or f"sweep {last['sweep']}, exit code {last['code']}"))
    for item in document["tells"]:
        print(f"  tells {item['channel']}: {item['target']}")
    if document["messages_waiting"]:
        print(f"  {document['messages_waiting']} messages wait to be sent, in {document['folder']}/spool")
    for alarm in document["alarms"]:
        print(f"  since {datetime.fromtimestamp(alarm['since']):%Y-%m-%d}: {alarm['text']}")
    for note in document["notes"]:
        print(f"  note: {note}")


def print_installed(document: ScheduleDocument, changed: bool) -> None:
    """Print the place of an installed schedule, its next times and its warnings."""
    name = document["schedule"]["name"]
    print(
        f"{name} {'is installed' if changed else 'was installed already'}, via {document['via']}: "
        + document["units"][0]["place"]
    )
    print(f"  next, in {document['time_zone']}: " + ", ".join(moment_text(text) for text in document["next"]))
    for item in document["tells"]:
        print(f"  tells {item['channel']}: {item['target']}")
    for note in document["notes"]:
        print(f"  note: {note}")
    print(f"  logs and history: {document['folder']}")


def print_list(documents: Sequence[ScheduleDocument], results: Path) -> None:
    """Print one line for each schedule."""
    if not documents:
        print(f"no schedule is installed in {results}")
    for document in documents:
        schedule = document["schedule"]
        state = "" if document["installed"] else ", NOT THERE as it should be"
        following = moment_text(document["next"][0])
        print(f"{schedule['name']}: {schedule['when']} via {document['via']}{state}, next {following}")


def moment_text(text: str) -> str:
    """Return a moment of the document as "Sun 2027-06-27 02:00"."""
    return f"{datetime.strptime(text, '%Y-%m-%dT%H:%M%z'):%a %Y-%m-%d %H:%M}"
