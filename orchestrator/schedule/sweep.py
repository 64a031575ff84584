"""One start by the clock: decide whether a sweep is due, run it, compare it, and tell people the news."""

from __future__ import annotations

import os
import subprocess
import traceback
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from orchestrator.errors import EXIT_FAILED, EXIT_INFRASTRUCTURE, EXIT_OK, EXIT_REFERENCE_MISSED, EXIT_USAGE
from orchestrator.notification.spool import deliver_messages, post_message, waiting_messages
from orchestrator.records import now
from orchestrator.schedule.backends import BackEndError
from orchestrator.schedule.backends.resubmission import ResubmittingJob
from orchestrator.schedule.confirmation import confirm_sweep
from orchestrator.schedule.definition import FOLDER, Schedule, read_schedule
from orchestrator.schedule.due import Due, Slot, decide_due
from orchestrator.schedule.execution import GRACE_SECONDS, Execution, Interruption, note_interruption, run_sweep_process
from orchestrator.schedule.lock import Locked, hold_lock
from orchestrator.schedule.log import Log
from orchestrator.schedule.memory import WEEK, Memory, read_memory
from orchestrator.schedule.message import compose_message
from orchestrator.schedule.news import News, collect_news
from orchestrator.schedule.observation import Observation, observe_checks, observe_end, observe_sweep
from orchestrator.schedule.state import LastStart, State, read_state, write_state
from orchestrator.schedule.timing import later, local_zone


@dataclass(frozen=True)
class Start:
    """The way in which it was started. ``catch_up``: to look for missed sweeps. ``now``: by hand, at any time.
    ``resubmit``: by a job that has to submit its successor.
    """

    catch_up: bool = False
    now: bool = False
    resubmit: bool = False
    quiet: bool = False


@dataclass
class Outcome:
    """The result of a start. ``reason``: why nothing was run. ``troubles``: what failed beside the sweep itself."""

    code: int
    sweep: str | None = None
    reason: str | None = None
    news: list[News] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    log: Path | None = None


def start_sweep(folder: Path, how: Start) -> Outcome:
    """Run the schedule's sweep if one is due. Raises UsageError if there is no schedule."""
    schedule = read_schedule(folder)
    state = read_state(folder)
    moment = datetime.now(local_zone())
    with Log(schedule, moment, how.quiet) as log, note_interruption() as noted:
        if schedule.end and moment.timestamp() > schedule.end.timestamp():
            outcome = report_expiry(schedule, log)
        else:
            broken = submit_successor(schedule, log) if how.resubmit else None
            todo = find_due(schedule, state, moment, how)
            if todo.reason:
                outcome = Outcome(EXIT_OK, reason=todo.reason)
            else:
                outcome = run_sweep(schedule, todo, moment, log, noted, how)
            if todo.clock:
                outcome = report_wrong_clock(schedule, outcome, todo.clock, log)
            if broken and (broken := submit_successor(schedule, log)):
                outcome = report_broken_chain(schedule, outcome, broken, log)
        if outcome.reason:
            log.tell(outcome.reason)
        last: LastStart = {
            "moment": now(),
            "sweep": outcome.sweep,
            "reason": outcome.reason,
            "code": outcome.code,
        }
        write_state(folder, {**read_state(folder), "last_start": last})
        outcome.log = log.path if outcome.sweep else None
    return outcome


def find_due(schedule: Schedule, state: State, moment: datetime, how: Start) -> Due:
    """Return the moment that this start is for."""
    if how.now:
        return Due(moment, None, 0)
    found = state.get("slot")
    zone = local_zone()
    last = Slot(datetime.fromtimestamp(found["moment"], zone), found["tries"], found["done"]) if found else None
    settings = schedule.settings
    return decide_due(
        schedule.timing, last, datetime.fromtimestamp(schedule.created, zone), moment, settings["catch_up"],
        timedelta(minutes=settings["late_min"]), how.catch_up,
    )  # fmt: skip


def run_sweep(schedule: Schedule, todo: Due, moment: datetime, log: Log, noted: Interruption, how: Start) -> Outcome:
    """Run, compare and report one sweep, with the cluster's lock held."""
    settings = schedule.settings
    sweep = name_sweep(schedule, moment)
    log.tell(f"sweep {sweep} for {todo.moment:%Y-%m-%d %H:%M %Z}" + (", by hand" if how.now else ""))
    if todo.missed:
        log.tell(
            f"{todo.missed} earlier moment{'s were' if todo.missed > 1 else ' was'} missed; this sweep stands for all"
        )
    path = Path(schedule.results) / FOLDER / f"lock-{schedule.cluster}.json"
    limit_s = 60 * settings["time_limit_min"]
    longest = limit_s + 2 * GRACE_SECONDS
    try:
        with hold_lock(path, sweep, longest, 60 * settings["wait_min"], log.tell, lambda: noted.signal is not None):
            # Another start may have been for the same moment, and have had the lock until now.
            state = read_state(schedule.folder)
            todo = find_due(schedule, state, moment, how)
            if todo.reason:
                return Outcome(EXIT_OK, reason=todo.reason)

            def note(done: bool) -> None:
                if not how.now:
                    state["slot"] = {"moment": todo.moment.timestamp(), "tries": todo.tries, "done": done}
                write_state(schedule.folder, state)

            note(False)
            words = schedule.command_words(sweep)
            log.tell("python -m orchestrator " + " ".join(words))
            execution = run_sweep_process(schedule, words, log.file, noted, log.tell, limit_s)
            log.tell(f"the sweep ended with exit code {execution.code} after {execution.seconds:.0f} s")
            state["uncollected"] = collect_missing(schedule, [*state.get("uncollected", []), sweep], log)
            single, execution = execution, confirm_sweep(schedule, sweep, execution, noted, log)
            if execution is not single:
                state["uncollected"] = collect_missing(schedule, [*state["uncollected"], sweep], log)
            note(True)
    except Locked as error:
        execution = Execution(EXIT_FAILED, None, 0.0, None, str(error))
    return tell_people(schedule, sweep, execution, moment.timestamp(), log)


def name_sweep(schedule: Schedule, moment: datetime) -> str:
    """Return the name of a sweep that begins at ``moment``: by its second, or by the next one that no other has, as in
    the hour that clocks repeat.
    """
    while True:
        name = f"{schedule.name}-{moment:%Y%m%d-%H%M%S}"
        if not any(Path(schedule.results).glob(f"{name}*")):
            return name
        moment = later(moment, timedelta(seconds=1))


def collect_missing(schedule: Schedule, sweeps: list[str], log: Log) -> list[str]:
    """Collect runs that the store lacks; return the sweeps that it still lacks."""
    from orchestrator.store.store import Store, StoreError

    left = []
    for sweep in sweeps:
        # A plain campaign has the sweep's name; those of a suite begin with it.
        for folder in sorted(Path(schedule.results).glob(f"{sweep}*")):
            runs = len(list(folder.glob("*/manifest.json")))
            try:
                if len(Store(schedule.store).campaign(folder.name)) >= runs:
                    continue
            except StoreError as error:
                log.tell(f"{error}; the runs are kept in {folder} and collected with the next sweep")
                left.append(sweep)
                break
            words = ["collect", str(folder), f"results={schedule.results}", f"store.url={schedule.store}"]
            answer = subprocess.run(
                [schedule.python, "-m", "orchestrator", *words],
                capture_output=True, encoding="utf-8", errors="replace", cwd=schedule.directory,
                env={**os.environ, **schedule.environment},
            )  # fmt: skip
            if answer.returncode:
                log.tell(f"{folder.name} could not be collected: {answer.stderr.strip()}")
                left.append(sweep)
    return list(dict.fromkeys(left))


def tell_people(schedule: Schedule, sweep: str, execution: Execution, began: float, log: Log) -> Outcome:
    """Compare the sweep with the earlier ones, write the history, and send the news."""
    path = schedule.folder / "told.json"
    memory = read_memory(path)
    try:
        seen = compare_with_earlier(schedule, sweep, execution, memory, log)
    except Exception as error:
        # Whatever is wrong here, a watch that falls silent would be taken for a machine that is well.
        log.tell(traceback.format_exc())
        seen = Observation()
        seen.add("comparison", "not run", f"the sweep could not be compared: {type(error).__name__}: {error}")
    settings = schedule.settings
    # 0 weeks: a change is the new normal only once somebody has accepted it.
    settle = WEEK * settings["settle_weeks"] or float("inf")
    found = collect_news(seen, memory, now(), began, WEEK * settings["remind_weeks"], settle)
    for item in found:
        log.tell(f"{item.kind}: {item.text}")
    for text in seen.unsure:
        log.tell(text)
    if not found:
        log.tell("nothing is new: nobody is told")
    try:
        troubles = send_news(schedule, sweep, execution, found, seen, memory, log)
    except Exception as error:
        # The sweep has come out as it has, whoever can be told of it.
        log.tell(traceback.format_exc())
        troubles = [f"nobody could be told: {type(error).__name__}: {error}"]
    code = execution.code
    if code == EXIT_OK and any(finding.state in ("slower", "drifting") for finding in seen.findings):
        code = EXIT_REFERENCE_MISSED
    return Outcome(code, sweep, None, found, troubles)


def send_news(
    schedule: Schedule, sweep: str, execution: Execution, found: list[News], seen: Observation, memory: Memory, log: Log
) -> list[str]:
    """Post the message, store the memory, then deliver all waiting messages; return the failures."""
    if found:
        link = history_link(schedule)
        post_message(
            schedule.folder / "spool",
            schedule.notify,
            compose_message(schedule.title, sweep, found, seen, execution.seconds, link),
        )
    # Remembered only once the message is safe: a crash between the two tells people twice rather than never.
    memory.write(schedule.folder / "told.json")
    troubles = deliver_messages(schedule.folder / "spool", schedule.notify, log.tell)
    for trouble in troubles:
        log.tell(trouble)
    return troubles


def compare_with_earlier(schedule: Schedule, sweep: str, execution: Execution, memory: Memory, log: Log) -> Observation:
    """Return the observation of a sweep, from the store; write the HTML history too."""
    from orchestrator.report.html.history import write_history
    from orchestrator.store.store import Store, StoreError

    try:
        store = Store(schedule.store)
        rows = store.history(cluster=schedule.cluster, states=None)
        accepted, hosts = store.base_changes(), store.host_history(cluster=schedule.cluster)
        seen = observe_sweep(schedule.name, sweep, rows, hosts, memory, accepted)
        completed = [row for row in rows if row["state"] == "completed"]
        log.tell(f"history: {write_history(completed, schedule.folder / 'history', accepted)}")
        seen.add("store", None, "the store can be read again")
    except StoreError as error:
        seen = Observation()
        seen.add("store", "no store", f"nothing can be compared: {error}")
    observe_checks(seen, execution.document or {})
    seen.add("schedule", None, "the schedule is in force again")
    seen.add("comparison", None, "sweeps are compared again")
    seen.add("clock", None, "no sweep is of a moment that is still to come any more")
    observe_end(seen, execution)
    return seen


def history_link(schedule: Schedule) -> str:
    """Return the address of the history."""
    base = schedule.notify["link"]
    return f"{base.rstrip('/')}/index.html" if base else (schedule.folder / "history" / "index.html").as_uri()


def report_expiry(schedule: Schedule, log: Log) -> Outcome:
    """Report that the schedule has expired, to people once; run nothing."""
    text = (
        f"the schedule {schedule.name} expired (until={schedule.until}); nothing was run. Install it again with a "
        "later until=, or remove it"
    )
    seen = Observation()
    seen.add("schedule", "expired", text)
    return report_beside_sweep(schedule, seen, Outcome(EXIT_USAGE, reason=text), log)


def report_broken_chain(schedule: Schedule, outcome: Outcome, trouble: str, log: Log) -> Outcome:
    """Report that the next job could not be submitted in two tries. Without a person no sweep will run again."""
    seen = Observation()
    seen.add("chain", "not run", f"the next sweep's job could not be submitted ({trouble}): install the schedule again")
    outcome.code = outcome.code or EXIT_INFRASTRUCTURE
    return report_beside_sweep(schedule, seen, outcome, log)


def report_wrong_clock(schedule: Schedule, outcome: Outcome, trouble: str, log: Log) -> Outcome:
    """Report that the clock was ahead when an earlier sweep was run, whose moment is still to come."""
    log.tell(trouble)
    seen = Observation()
    seen.add("clock", "wrong clock", trouble)
    return report_beside_sweep(schedule, seen, outcome, log)


def report_beside_sweep(schedule: Schedule, seen: Observation, outcome: Outcome, log: Log) -> Outcome:
    """Report a finding about the schedule rather than about a sweep."""
    memory = read_memory(schedule.folder / "told.json")
    found = collect_news(seen, memory, now(), now(), float("inf"), float("inf"))
    nothing = Execution(EXIT_OK, None, 0.0)
    if found or waiting_messages(schedule.folder / "spool"):
        outcome.troubles += send_news(schedule, outcome.sweep or "–", nothing, found, seen, memory, log)
    outcome.news += found
    return outcome


def submit_successor(schedule: Schedule, log: Log) -> str | None:
    """Submit the next job; return the error, or None. It is done before the sweep, so the chain survives a failure of
    this job.
    """
    try:
        ResubmittingJob().install(schedule)
    except BackEndError as error:
        log.tell(f"the next job could not be submitted: {error}")
        return str(error)
    return None
