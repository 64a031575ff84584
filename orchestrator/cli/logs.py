"""``python -m orchestrator logs [CAMPAIGN] [RUN]``: what a run printed, and why it failed."""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.errors import EXIT_OK, UsageError, nearest
from orchestrator.launch.base import Run
from orchestrator.records import Failure, read_record_if_whole


class LogFile(TypedDict):
    """The end of a file: its last lines, and how many there are before them."""

    path: str
    lines: list[str]
    left_out: int


class RunLogs(TypedDict):
    """What an attempt of a run printed. ``cause`` is of one that failed."""

    campaign: str
    run: str
    attempt: int
    cause: str | None
    files: list[LogFile]


def main(arguments: Sequence[str]) -> int:
    """Print the ends of the files."""
    known = parse("logs", arguments)
    if known.lines < 0 or (known.attempt is not None and known.attempt < 1):
        raise UsageError("--lines is a number of lines from 0 (all), --attempt one from 1.")
    options = common.campaign_options(known, "logs")
    from orchestrator.campaign import following as campaigns

    if len(options.campaigns) > 2:
        raise UsageError("logs takes a campaign and a run of it: logs [CAMPAIGN] [RUN].")
    folder, name = find_folder(options)
    runs = choose_runs(campaigns.load(folder).whole(), name)
    found = [logs_of(run, known) for run in runs]
    if options.json:
        common.print_json({"schema": "orchestrator.logs/1", "runs": found})
        return EXIT_OK
    for logs in found:
        print(f"{logs['run']}, attempt {logs['attempt']}" + (f": {logs['cause']}" if logs["cause"] else ""))
        for file in logs["files"]:
            more = f"   ({file['left_out']} lines before: --lines 0)" if file["left_out"] else ""
            print(f"\n{file['path']}{more}")
            print("\n".join(f"  {line}" for line in file["lines"]) or "  (empty)")
    return EXIT_OK


def find_folder(options: common.CampaignOptions) -> tuple[Path, str | None]:
    """Return the campaign's (or a run's own) folder and the run's name, of which each may be left out. Raises
    UsageError.
    """
    words = options.campaigns
    if len(words) == 1 and not common.is_folder(Path(words[0])) and not common.is_folder(options.results / words[0]):
        # Not a campaign, so it is a run of the newest one.
        return common.campaign_folders([], options.results)[0], words[0]
    return common.campaign_folders(words[:1], options.results)[0], words[1] if len(words) == 2 else None


def choose_runs(runs: list[Run], name: str | None) -> list[Run]:
    """Return the run of that name; without one, the runs that failed, else the one that was started last. Raises
    UsageError.
    """
    if name is not None:
        chosen = [run for run in runs if run[1].spec.run == name]
        if not chosen:
            names = [run[1].spec.run for run in runs]
            raise UsageError(f"There is no run '{name}' in {runs[0][1].spec.campaign}.{nearest(name, names)}")
        return chosen
    started = [run for run in runs if run[1].attempts]
    if not started:
        raise UsageError(f"No run of {runs[0][1].spec.campaign} was started yet; `status` says what they wait for.")
    failed = [run for run in started if failure_of(run)]
    return failed or [max(started, key=lambda run: run[1].submitted or 0)]


def failure_of(run: Run, attempt: int | None = None) -> Failure | None:
    """Return what is written down of an attempt's failure, by default of the one that decides; None if it has not."""
    directory, manifest = run
    return read_record_if_whole(
        directory.attempt(attempt or directory.deciding_attempt(manifest.attempts)).failure, Failure
    )


def logs_of(run: Run, options: argparse.Namespace) -> RunLogs:
    """Return the ends of the files of an attempt, and of the job that it was. Raises UsageError if it never was."""
    from orchestrator.launch.schedulers import scheduler

    directory, manifest = run
    number = options.attempt or directory.deciding_attempt(manifest.attempts)
    attempt = directory.attempt(number)
    if not attempt.path.is_dir():
        raise UsageError(f"--attempt {number}: {manifest.spec.run} has attempts 1 to {manifest.attempts}.")
    failure = failure_of(run, number)
    jobs = scheduler(manifest.scheduler).logs(run)
    paths = [attempt.stderr, attempt.stdout, *sorted(attempt.errors.glob("*")), *jobs]
    return {
        "campaign": manifest.spec.campaign,
        "run": manifest.spec.run,
        "attempt": number,
        "cause": failure["cause"] if failure else None,
        "files": [end_of(path, options.lines) for path in paths if path.is_file()],
    }


def end_of(path: Path, lines: int) -> LogFile:
    """Return the last lines of a file; all for 0."""
    with path.open(encoding="utf-8", errors="replace") as file:
        kept: deque[str] = deque(maxlen=lines or None)
        count = 0
        for line in file:
            kept.append(line.rstrip("\n"))
            count += 1
    return {"path": str(path), "lines": list(kept), "left_out": count - len(kept)}
