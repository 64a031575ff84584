"""All speeds in one table: measures the rows asked for, keeps their figures, and writes workloads/SPEED.md's table.

``python tests/benchmarks/speed.py`` measures all rows, ``--only NAME…`` those whose names begin so, ``--minutes N`` as
many as fit, those first that were measured longest ago; ``--write`` none. ``--list`` shows them with what each needs.
``make speed SPEED_ARGS="…"`` is the same. Words after ``--`` are added to every script's, such as ``-- --clock cpu``.

A figure is kept as soon as it is there, in ``figures/ROW.json`` beside its config, machine, n, date and commit, in the
place of the one that this machine had; those of other machines stay. Seconds of a busy machine do not replace those of
an idle one, unless by ``--busy``. A row that fails loses no other; the exit code is then 1. The scripts' output is in
``build/speed``. What other projects' loops take is looked for in the folder that ``--places`` names.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.figures import KEPT, Figure, Machine, Picked, describe_machine, keep_figure, read_commit, read_figures
from parts.rows import PLACES, SECTIONS, Row
from parts.turns import PROJECT, QUIET, busy_s, write_whole

PAGE = PROJECT / "workloads" / "SPEED.md"
BEGIN, END = "<!-- The table: python tests/benchmarks/speed.py --write -->", "<!-- End of the table -->"
LOGS = PROJECT / "build" / "speed"
HEADINGS = ("", "is", "asked", "beside it", "n", "config, in `tests/benchmarks/`", "on", "by", "date")


# --- the table ----------------------------------------------------------------------------------------------------


def number(value: float) -> str:
    """A value as text, of three digits that count."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def judge_figure(row: Row, figure: Figure) -> str:
    """What is asked, and whether it is missed."""
    asked = row.asked_without if row.asked_without is not None and figure.machine.units == "none" else row.asked
    if asked is None:
        return ""
    value = figure.picked.value
    missed = value > asked if row.at_most else value < asked
    return f"{'≤' if row.at_most else '≥'} {number(asked)}{', missed' if missed else ''}"


def show_figure(row: Row, figure: Figure, letters: Mapping[Machine, str]) -> list[str]:
    """The cells of a line, but for the first."""
    picked = figure.picked
    spread = f" ({number(picked.low)} to {number(picked.high or picked.low)})" if picked.low is not None else ""
    unit = f" {row.unit}" if row.unit else ""
    by = "processor time" if picked.clock == "processor" else "the clock"
    state = {True: ", idle", False: ", busy", None: ""}[figure.idle]
    config = f"`{figure.config}`" if figure.config else ""
    value = number(picked.value) + unit + spread
    asked = judge_figure(row, figure)
    return [value, asked, picked.beside, str(picked.n), config, letters[figure.machine], by + state, figure.date]


def make_table(sections: Mapping[str, Sequence[Row]], folder: Path) -> str:
    """Every row with its figures, one line for each machine, and what the machines are."""
    figures = {row.name: read_figures(row.name, folder) for rows in sections.values() for row in rows}
    machines = dict.fromkeys(figure.machine for known in figures.values() for figure in known)
    letters = {machine: chr(ord("A") + place) for place, machine in enumerate(machines)}
    lines = [line(HEADINGS), line(["---"] * len(HEADINGS))]
    for section, rows in sections.items():
        lines.append(line([f"**{section}**", *[""] * (len(HEADINGS) - 1)]))
        for row in rows:
            shown = [show_figure(row, figure, letters) for figure in figures[row.name]]
            shown = shown or [["not measured", *[""] * 3, f"`{row.tell_words({})}`", *[""] * 3]]
            lines += [line(["" if place else row.what, *cells]) for place, cells in enumerate(shown)]
    told = [f"- {letter}: {machine}" for machine, letter in letters.items()]
    return "\n".join([*lines, "", "Machines:", "", *told])


def line(cells: Iterable[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def put_table(page: str, table: str) -> str:
    """The page with the table between its marks. Raises ValueError where it has none."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no place for the table between {BEGIN!r} and {END!r}")
    return f"{before}{begin}\n\n{table}\n\n{end}{after}"


# --- measuring ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Job:
    """A command that measures one row or several."""

    rows: tuple[Row, ...]
    command: tuple[str, ...]
    config: str
    environment: Mapping[str, str]
    missing: tuple[str, ...]
    minutes: float
    measured: str
    """The date of its oldest figure of this machine; empty if it has none."""


def plan_jobs(rows: Iterable[Row], machine: Machine, options: argparse.Namespace) -> list[Job]:
    """Rows of the same words in one job."""
    by_words: dict[str, list[Row]] = {}
    for row in rows:
        by_words.setdefault(row.words, []).append(row)
    return [plan_job(tuple(alike), machine, options) for alike in by_words.values()]


def plan_job(rows: tuple[Row, ...], machine: Machine, options: argparse.Namespace) -> Job:
    """What measures these rows, and what is missing for it."""
    row, names, more = rows[0], rows[0].places, tuple(options.words)
    found = find_places(names, options)
    words = shlex.split(row.tell_words(found))
    # Without the paths of a machine.
    config = " ".join([row.tell_words({"accelerator": options.cluster} if options.cluster else {}), *more])
    path = os.pathsep.join([str(PROJECT), *(found[name] for name in row.needs if name == "escnn" and name in found)])
    known = [each for row in rows for each in read_figures(row.name, options.figures) if each.machine == machine]
    return Job(
        rows=rows,
        command=(sys.executable, str(options.scripts / words[0]), *words[1:], *more),
        config=config,
        environment={**os.environ, "PYTHONPATH": path},
        missing=tuple(name for name in names if name not in found),
        minutes=max((each.took_s / 60 for each in known if each.took_s), default=row.minutes),
        measured=min((each.date for each in known), default="") if len(known) == len(rows) else "",
    )


def find_places(names: Iterable[str], options: argparse.Namespace) -> dict[str, str]:
    """Where that is which rows need, as far as it is there."""
    found = {name: str(options.places.absolute() / name) for name in names if (options.places / name).exists()}
    if options.cluster:
        found["accelerator"] = options.cluster
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if "slurm" in names and not subprocess.run(["sinfo"], capture_output=True, timeout=10).returncode:
            found["slurm"] = "slurm"
    return found


def is_idle(seconds: float = 1.0) -> bool:
    """Whether other programs leave the processors alone just now."""
    before = busy_s()
    time.sleep(seconds)
    return busy_s() - before < QUIET * seconds * (os.cpu_count() or 1)


def measure(job: Job, log: Path) -> list[dict[str, Any]]:
    """Run a job and return the JSON that it prints. Raises RuntimeError where there is none, TimeoutError."""
    log.parent.mkdir(parents=True, exist_ok=True)
    limit = 60 * (5 + 4 * job.minutes)
    with log.open("w") as errors:
        # In a session of its own, so that what it started ends with it.
        child = subprocess.Popen(
            job.command, cwd=PROJECT, env=dict(job.environment), stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
        )  # fmt: skip
        try:
            printed, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"not done after {limit / 60:.0f} minutes") from None
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGTERM)
                child.wait()
    log.write_text(log.read_text() + printed)
    documents: list[dict[str, Any]] = []
    for text in printed.splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            found = json.loads(text)
            documents += found if isinstance(found, list) else [found]
    if not documents:
        raise RuntimeError(f"exit code {child.returncode}, and no figure: {last_line(log)}")
    return documents


def last_line(log: Path) -> str:
    """What a script said last."""
    lines = log.read_text().strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def keep(job: Job, documents: list[dict[str, Any]], figure: Figure, options: argparse.Namespace) -> bool:
    """Pick and keep the figures of a job; say each. Whether all could be."""
    good = True
    for row in job.rows:
        try:
            picked: Picked = row.pick(documents, figure.idle or False)
        except (LookupError, TypeError, ValueError, StopIteration) as error:
            say(f"      {row.name}: not to be found in what was printed: {type(error).__name__}: {error}")
            good = False
            continue
        found = Figure(**{**vars(figure), "picked": picked})
        better = [each for each in read_figures(row.name, options.figures)
                  if each.machine == found.machine and each.idle and not found.idle]  # fmt: skip
        value, kept = show_figure(row, found, {found.machine: ""}), not better or options.busy
        say(f"      {row.name}: {value[0]}{f', asked {value[1]}' if value[1] else ''}; {value[2]}")
        if not kept:
            say("      not kept: this machine was busy, and idle when that was measured before (--busy)")
        else:
            keep_figure(row.name, found, options.figures)
    return good


def measure_all(jobs: Sequence[Job], machine: Machine, options: argparse.Namespace) -> list[str]:
    """Each job after the other, whatever becomes of those before; the names of rows that failed."""
    failed, commit, began = [], read_commit(), time.monotonic()
    for place, job in enumerate(jobs, 1):
        name, left = ", ".join(row.name for row in job.rows), options.minutes - (time.monotonic() - began) / 60
        if job.minutes > left:
            say(f"[{place}/{len(jobs)}] {name}: left out, takes some {job.minutes:.0f} of the {left:.0f} minutes left")
            continue
        idle = is_idle()
        say(f"[{place}/{len(jobs)}] {name}: some {job.minutes:.0f} min{'' if idle else ', the machine is busy'}")
        log, started = LOGS / f"{job.rows[0].name}.log", time.monotonic()
        try:
            documents = measure(job, log)
        except (RuntimeError, TimeoutError, OSError) as error:
            say(f"      failed: {error} ({log})")
            failed += [row.name for row in job.rows]
            continue
        took = round(time.monotonic() - started, 1)
        today = datetime.date.today().isoformat()
        figure = Figure(Picked(0, 0), job.config, machine, today, commit, idle, took)
        if not keep(job, documents, figure, options):
            failed.append(name)
    return failed


# --- the command --------------------------------------------------------------------------------------------------


def say(text: str) -> None:
    """Tell people how it goes."""
    print(text, file=sys.stderr, flush=True)


def list_jobs(jobs: Iterable[Job]) -> None:
    """All rows with their dates, and what is missing for them."""
    for job in jobs:
        need = f"   needs {', '.join(job.missing)}" if job.missing else ""
        print(f"{job.measured or '-':10}  {job.minutes:4.0f} min  {', '.join(row.name for row in job.rows)}{need}")
        print(f"{'':22}{job.config}")
    missing = dict.fromkeys(name for job in jobs for name in job.missing)
    for name in missing:
        print(f"{name}: {PLACES[name]}")


def parse_options(words: Sequence[str] | None) -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], metavar="NAME", help="rows whose names begin so")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="as many rows as fit, oldest first")
    parser.add_argument("--list", action="store_true", help="show the rows, and measure none")
    parser.add_argument("--write", action="store_true", help="write the table, and measure none")
    parser.add_argument("--busy", action="store_true", help="figures of a busy machine replace those of an idle one")
    parser.add_argument("--places", type=Path, default=PROJECT / "build" / "places", help="folder of what rows need")
    parser.add_argument("--cluster", help="the profile of the accelerator, such as h100x1")
    parser.add_argument("--figures", type=Path, default=KEPT, help="where figures are kept")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page that has the table")
    parser.add_argument("--scripts", type=Path, default=Path(__file__).parent, help=argparse.SUPPRESS)
    parser.add_argument("words", nargs="*", help="after --: further words of every script")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None, sections: Mapping[str, Sequence[Row]] = SECTIONS) -> int:
    """Measure, keep, write; 1 if a row failed, 2 if there is none of such a name."""
    options = parse_options(words)
    rows = [row for rows in sections.values() for row in rows if row.name.startswith(tuple(options.only))]
    if not rows:
        say(f"no row's name begins with {' or '.join(options.only)}; --list shows all")
        return 2
    machine = describe_machine()
    jobs = plan_jobs(rows, machine, options)
    failed: list[str] = []
    if options.list:
        list_jobs(jobs)
        return 0
    if not options.write:
        for job in jobs:
            if job.missing:
                say(f"left out: {', '.join(row.name for row in job.rows)}, for which there is no {job.missing[0]}")
        ready = [job for job in jobs if not job.missing]
        if options.minutes < float("inf"):
            ready.sort(key=lambda job: job.measured)
        with contextlib.suppress(KeyboardInterrupt):
            failed = measure_all(ready, machine, options)
    write_whole(
        options.page, put_table(options.page.read_text(encoding="utf-8"), make_table(sections, options.figures))
    )
    if failed:
        say(f"failed: {', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
