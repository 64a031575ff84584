"""``python -m orchestrator schedule show|install|remove|test|run``: sweeps that the clock starts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.cli.verbs import SCHEDULE_ACTIONS
from orchestrator.config.paths import expand_path, usual_folder
from orchestrator.errors import EXIT_FAILED, EXIT_OK, UsageError, nearest

if TYPE_CHECKING:
    from orchestrator.schedule.definition import Schedule

SCHEMA = "orchestrator.schedule/1"
USAGE = (
    'Usage: python -m orchestrator schedule show|install|remove|test cluster=NAME suite=NAME when="0 2 * * SUN" '
    "[via=auto|scrontab|systemd|cron|slurm] [until=DATE] [KEY=VALUE…]; schedule run FOLDER"
)


def main(arguments: Sequence[str]) -> int:
    """Show, install or remove a schedule, send a trial message, or run the sweep."""
    options = parse("schedule", arguments)
    rest = options.words
    places = [word for word in rest if "=" not in word and not word.startswith("~")]
    action, *places = places or [""]
    if action not in SCHEDULE_ACTIONS:
        raise UsageError(f"{USAGE}.{nearest(action, list(SCHEDULE_ACTIONS)) if action else ''}")
    wrong = places if action != "run" else places[1:]
    if wrong:
        raise UsageError(f"schedule {action} does not take {wrong[0]}. {USAGE}.")
    words = [word for word in rest if "=" in word or word.startswith("~")]
    if action == "run":
        return run_due_sweep(places, words, options)
    return {"show": show_schedule, "install": install, "remove": remove, "test": send_trial}[action](words, options)


def run_due_sweep(places: Sequence[str], words: Sequence[str], options: argparse.Namespace) -> int:
    """Run the sweep if it is due. Back ends start this action."""
    from orchestrator.schedule.sweep import Start, start_sweep

    if not places:
        schedule = find_installed(words, options)
        folder = schedule.folder
    else:
        folder = Path(places[0]).resolve()
    outcome = start_sweep(folder, Start(options.catch_up, options.now, options.resubmit, options.quiet))
    if options.json:
        common.print_json({
            "schema": SCHEMA, "action": "run", "sweep": outcome.sweep, "reason": outcome.reason, "code": outcome.code,
            "news": [asdict(item) for item in outcome.news], "troubles": outcome.troubles,
            "log": str(outcome.log) if outcome.log else None,
        })  # fmt: skip
    return outcome.code


def results_of(given: Mapping[str, str]) -> Path:
    """Return the results folder that the arguments name, or the usual one."""
    return Path(expand_path("results", given.get("results", usual_folder("results")))).resolve()


def find_installed(words: Sequence[str], options: argparse.Namespace) -> Schedule:
    """Return the installed schedule that the arguments name, by name, or by cluster and suite. Raises UsageError unless
    exactly one fits.
    """
    from orchestrator.schedule.definition import installed_schedules

    pairs = (word.removeprefix("schedule.").partition("=") for word in words)
    given = {key: value for key, _, value in pairs}
    results = results_of(given)
    unknown = set(given) - {"results", "name", "cluster", "suite"}
    if unknown:
        raise UsageError(f"An installed schedule is meant by cluster=, suite=, name= and results=, not {min(unknown)}.")
    known = installed_schedules(results)
    meant = [
        schedule for schedule in known
        if all(getattr(schedule, key) == given[key] for key in ("name", "cluster", "suite") if key in given)
    ]  # fmt: skip
    if not meant:
        names = [schedule.name for schedule in known]
        there = f" There are: {', '.join(names)}." if names else " There is none; make one with `schedule install`."
        raise UsageError(f"No such schedule is installed in {results}.{there}")
    if len(meant) > 1:
        raise UsageError(
            f"Several schedules are meant: say which with name=: {', '.join(item.name for item in meant)}."
        )
    return meant[0]


def show_schedule(words: Sequence[str], options: argparse.Namespace) -> int:
    """Print the exact units of a planned or an installed schedule. Without arguments list the installed ones."""
    from orchestrator.schedule.definition import installed_schedules
    from orchestrator.schedule.presentation import describe_schedule, print_list, print_schedule

    given = {word.partition("=")[0].removeprefix("schedule.") for word in words}
    if "when" not in given:
        results = results_of(dict(word.split("=", 1) for word in words))
        if given <= {"results"}:
            documents = [describe_schedule(schedule, "") for schedule in installed_schedules(results)]
            if options.json:
                common.print_json({"schema": SCHEMA, "action": "list", "schedules": documents})
            else:
                print_list(documents, results)
            return EXIT_OK
        schedule, scheduler = find_installed(words, options), ""
    else:
        from orchestrator.schedule.making import check_sweep, make_schedule

        schedule, scheduler = make_schedule(words, options.config_dir, Path.cwd())
        check_sweep(schedule)
    document = describe_schedule(schedule, scheduler)
    if options.json:
        common.print_json({"schema": SCHEMA, "action": "show", **document})
    else:
        print_schedule(document)
    return EXIT_OK


def install(words: Sequence[str], options: argparse.Namespace) -> int:
    """Check every part of the schedule, then install it. A second time changes nothing."""
    from orchestrator.schedule.installation import install_schedule as put
    from orchestrator.schedule.making import check_channels, check_sweep, make_schedule
    from orchestrator.schedule.presentation import describe_schedule, print_installed

    schedule, scheduler = make_schedule(words, options.config_dir, Path.cwd())
    check_sweep(schedule)
    if schedule.notify["check"]:
        check_channels(schedule)
    schedule, changed = put(schedule, scheduler)
    document = describe_schedule(schedule, scheduler)
    if options.json:
        common.print_json({"schema": SCHEMA, "action": "install", "changed": changed, **document})
    else:
        print_installed(document, changed)
    return EXIT_OK


def remove(words: Sequence[str], options: argparse.Namespace) -> int:
    """Remove an installed schedule. Logs, history and results stay."""
    from orchestrator.schedule.installation import remove_lost_schedule
    from orchestrator.schedule.installation import remove_schedule as take_away

    words = [word for word in words if not word.removeprefix("schedule.").startswith(("when=", "via=", "sweep="))]
    try:
        schedule = find_installed(words, options)
    except UsageError:
        given = dict(word.removeprefix("schedule.").split("=", 1) for word in words)
        name = given.get("name") or "-".join(given.get(key, "") for key in ("suite", "cluster"))
        left = remove_lost_schedule(results_of(given), name)
        if not left:
            raise
        if options.json:
            common.print_json({"schema": SCHEMA, "action": "remove", "schedule": name, "changed": True})
        else:
            print(f"{name} is removed (via {', '.join(left)}); its folder was gone already")
        return EXIT_OK
    changed = take_away(schedule)
    if options.json:
        common.print_json({"schema": SCHEMA, "action": "remove", "schedule": schedule.name, "changed": changed})
    else:
        print(f"{schedule.name} is removed (via {schedule.via}); its logs and history stay in {schedule.folder}")
    return EXIT_OK


def send_trial(words: Sequence[str], options: argparse.Namespace) -> int:
    """Send a trial message over every channel of the schedule."""
    from orchestrator.notification.base import DeliveryError
    from orchestrator.notification.channels import wanted_channels
    from orchestrator.notification.message import Message
    from orchestrator.schedule.sweep import history_link

    schedule = find_installed(words, options)
    lines = (
        "this is a trial: `schedule test` sent it, and nothing has happened",
        f"the schedule {schedule.name} tells you here when something changes, and is silent otherwise",
        f"the next sweep begins at {next(schedule.timing.after(datetime.now().astimezone())):%Y-%m-%d %H:%M}",
    )
    message = Message(f"{schedule.title}: a trial", lines, history_link(schedule), datetime.now().timestamp())
    found = []
    for channel in wanted_channels(schedule.notify):
        try:
            channel.deliver(message)
            found.append({"channel": channel.name, "target": channel.target, "trouble": None})
        except DeliveryError as error:
            found.append({"channel": channel.name, "target": channel.target, "trouble": str(error)})
    if options.json:
        common.print_json({"schema": SCHEMA, "action": "test", "channels": found})
    elif not found:
        print("nobody is told: the schedule was installed with neither notify.mail.to nor notify.webhook")
    else:
        for item in found:
            print(f"{item['channel']}: {item['target']}: {item['trouble'] or 'sent'}")
    return EXIT_FAILED if any(item["trouble"] for item in found) else EXIT_OK
