"""A schedule for people and as the document that programs get."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from orchestrator.config.redaction import redact
from orchestrator.notification.channels import channels
from orchestrator.notification.spool import waiting
from orchestrator.records import read_json_if_whole
from orchestrator.schedule.backends import BACK_ENDS, BackEndError, choose
from orchestrator.schedule.definition import Schedule
from orchestrator.schedule.installation import existing, start_script
from orchestrator.schedule.memory import remembered
from orchestrator.schedule.timing import local_zone

NEXT = 3


def describe(schedule: Schedule, scheduler: str) -> dict[str, Any]:
    """All there is to know of it, without secrets. Raises UsageError where ``via=auto`` finds no back end."""
    back_end = choose(schedule.via, schedule, scheduler) if schedule.via == "auto" else BACK_ENDS[schedule.via]()
    schedule.via = back_end.name
    moment = datetime.now(local_zone())
    timing = schedule.timing
    units = [{"place": unit.place, "text": unit.text} for unit in back_end.units(schedule)]
    units.append({"place": str(schedule.start), "text": start_script(schedule)})
    notes = timing.clock_changes(moment)
    reason = back_end.missing(schedule)
    present = False
    if reason:
        notes.append(f"via={back_end.name}: {reason}")
    else:
        notes += back_end.notes(schedule)
        try:
            present = existing(schedule) is not None and schedule.start.exists() and back_end.present(schedule)
        except BackEndError as error:
            notes.append(str(error))
    kept = existing(schedule)
    if kept is not None and not present and not reason:
        notes.append(
            f"{kept.name} was installed via {kept.via}, but what starts it is not there as it should be; install again"
        )
    told = [{"channel": channel.name, "target": channel.target} for channel in channels(schedule.notify)]
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
        "last_start": (read_json_if_whole(schedule.folder / "state.json") or {}).get("last_start"),
        "alarms": [asdict(alarm) for alarm in remembered(schedule.folder / "told.json").alarms.values()],
        "messages_waiting": len(waiting(schedule.folder / "spool")),
    }


def print_schedule(document: Mapping[str, Any]) -> None:
    """Units to the last character, then what a person wants to know."""
    for unit in document["units"]:
        print(f"--- {unit['place']}")
        print(unit["text"], end="" if unit["text"].endswith("\n") else "\n")
    print("---")
    schedule = document["schedule"]
    runs = f"sweep {schedule['sweep']}" if schedule["sweep"] else f"acceptance suite {schedule['suite']}"
    print(f"{schedule['name']}: {runs} on cluster {schedule['cluster']}, via {document['via']}")
    print(f"  next, in {document['time_zone']}: " + ", ".join(moment(text) for text in document["next"]))
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


def print_installed(document: Mapping[str, Any], changed: bool) -> None:
    """What a person who installs it wants to know."""
    name = document["schedule"]["name"]
    print(
        f"{name} {'is installed' if changed else 'was installed already'}, via {document['via']}: "
        + document["units"][0]["place"]
    )
    print(f"  next, in {document['time_zone']}: " + ", ".join(moment(text) for text in document["next"]))
    for item in document["tells"]:
        print(f"  tells {item['channel']}: {item['target']}")
    for note in document["notes"]:
        print(f"  note: {note}")
    print(f"  logs and history: {document['folder']}")


def print_list(documents: Sequence[Mapping[str, Any]], results: Path) -> None:
    """One line a schedule."""
    if not documents:
        print(f"no schedule is installed in {results}")
    for document in documents:
        schedule = document["schedule"]
        state = "" if document["installed"] else ", NOT THERE as it should be"
        print(
            f"{schedule['name']}: {schedule['when']} via {document['via']}{state}, next {moment(document['next'][0])}"
        )


def moment(text: str) -> str:
    """A moment of a document as people write it."""
    return f"{datetime.strptime(text, '%Y-%m-%dT%H:%M%z'):%a %Y-%m-%d %H:%M}"
