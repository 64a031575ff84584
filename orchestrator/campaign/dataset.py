"""A benchmark's data set, as the login node sees it: a separate process, which may import what it needs,
works on it.
"""

from __future__ import annotations

import contextlib
import json
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from orchestrator.config.compose import compose_all
from orchestrator.config.families import AXES
from orchestrator.errors import UsageError
from orchestrator.plan import choice_of
from orchestrator.records import DataAnswer, DataProgress, DataRequest
from orchestrator.records.settings import Configuration

PROJECT = Path(__file__).resolve().parents[2]
LINE_SECONDS = 10.0
"""Interval of progress lines where there is no terminal for a progress bar."""


class DataNotReadyError(UsageError):
    """The process that works on the data reports a problem, so nothing can run on them.

    ``remedy`` is the command that helps, if there is one.
    """

    kind = "data"


def make_request(config: Configuration, root: Path) -> DataRequest:
    """Return what the process that works on the data must know. Data are below ``root``."""
    benchmark = config["benchmark"]
    download = benchmark["download"].copy()
    if download["folder"]:
        download["folder"] = str(Path.cwd() / download["folder"])
    return {
        "benchmark": benchmark["name"],
        # A campaign of version 0.1 names the module alone.
        "class": benchmark.get("dataset_class") or benchmark["dataset_module"],
        "dataset": benchmark["dataset"],
        "download": download,
        "root": str(root),
        "scratch": config["cluster"]["paths"]["scratch"],
    }


class DataProcess:
    """A process that works on one data set. It loads its libraries while nobody has told it yet what to do, and ends
    with the context if nobody does.
    """

    def __init__(self) -> None:
        # A file, since a pipe that nobody empties stops whoever writes much into it.
        self.troubles = tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workloads.data"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.troubles,
            encoding="utf-8",
            errors="replace",
            cwd=PROJECT,
        )

    def __enter__(self) -> DataProcess:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(BrokenPipeError):
            self.process.communicate()
        self.process.wait()
        self.troubles.close()

    def run(self, verb: str, config: Configuration, root: Path, console: Console) -> DataAnswer:
        """Run ``verb`` (see workloads/data.py) with a progress bar; return the process's answer. Once only.

        Raises DataNotReadyError with the process's message and, if a command helps, that command.
        """
        answer: dict[str, Any] = {}
        assert self.process.stdin is not None and self.process.stdout is not None
        # One that could not start says so below.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{verb}\n{json.dumps(make_request(config, root))}\n")
            self.process.stdin.flush()
        with Bars(console) as bars:
            for message in filter(None, map(message_of, self.process.stdout)):
                if "say" in message:
                    console.print(message["say"], highlight=False, markup=False, soft_wrap=True)
                elif "done" in message:
                    bars.update(message)
                else:
                    answer = message
        code = self.process.wait()
        self.troubles.seek(0)
        trouble = self.troubles.read().decode(errors="replace")
        if code != 0 or "error" in answer:
            last = trouble.strip().splitlines()[-1:] or ["no message"]
            remedy = answer.get("remedy")
            text = answer.get("error") or f"{verb} failed: {last[0]}"
            if remedy:
                text += "\nGet it with: " + "\n        then: ".join(command_lines(config, remedy))
                if verb == "ensure" and config["benchmark"]["dataset"]["source"] == "real":
                    text += "\nStand-in data need no download: add benchmark.dataset.source=stand-in"
            raise DataNotReadyError(text, remedy=command_lines(config, remedy)[0] if remedy else None)
        return answer


def run_dataset(verb: str, config: Configuration, root: Path, console: Console) -> DataAnswer:
    """Run ``verb`` in a process of its own; see ``DataProcess.run``."""
    with DataProcess() as process:
        return process.run(verb, config, root, console)


def message_of(line: str) -> Any:
    """A line of the process; None of what some library printed between them."""
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def command_lines(config: Configuration, verb: str) -> list[str]:
    """Return the command lines from ``verb`` on that give this configuration its data."""
    if verb == "reference":
        named = [f"benchmark={config['benchmark']['name']}", *choice_words(config)]
        config = compose_all([*named, "recipe=reference"], False)[0]
        verb = "download"
    verbs = {"download": ["download", "convert"], "convert": ["convert"], "synthesise": ["synthesise"]}[verb]
    return [shlex.join(["python", "-m", "orchestrator", "data", *dataset_words(config, verb)]) for verb in verbs]


def choice_words(config: Configuration) -> list[str]:
    """Return ``dataset=NAME method=NAME``, without those that are the defaults."""
    benchmark, shown = config["benchmark"], choice_of(config)
    return [f"{axis.group}={benchmark[axis.key]}" for axis in AXES if benchmark[axis.key] in shown]


def dataset_words(config: Configuration, verb: str) -> list[str]:
    """Return benchmark, verb and the KEY=VALUE arguments that identify the data set of a configuration."""
    benchmark, recipe, cluster = config["benchmark"]["name"], config["recipe"], config["cluster"]["name"]
    chosen = [*choice_words(config), f"recipe={recipe}"] + ([f"cluster={cluster}"] if cluster != "local" else [])
    usual: dict[str, Mapping[str, object]] = {"dataset": {}, "download": {}}
    data = None
    try:
        plain = compose_all([f"benchmark={benchmark}", *chosen], False)[0]
        usual, data = sections_of_data(plain), plain["cluster"]["paths"]["data"]
    except UsageError:
        # A site's own benchmark, recipe or cluster, which only its --config-dir has.
        pass
    for section, options in sections_of_data(config).items():
        for key, value in options.items():
            if key not in usual[section] or usual[section][key] != value:
                shown = json.dumps(value) if isinstance(value, list) else "null" if value is None else value
                chosen.append(f"benchmark.{section}.{key}={shown}")
    if data != config["cluster"]["paths"]["data"]:
        chosen.append(f"cluster.paths.data={config['cluster']['paths']['data']}")
    return [benchmark, verb, *chosen]


def sections_of_data(config: Configuration) -> dict[str, Mapping[str, object]]:
    """Return those sections of a benchmark's configuration that its data depend on, by name."""
    return {"dataset": config["benchmark"]["dataset"], "download": config["benchmark"]["download"]}


def ensure_dataset(config: Configuration, root: Path, console: Console) -> DataAnswer:
    """Make sure that the data set is complete; missing stand-in data are made first. Raises DataNotReadyError."""
    return run_dataset("ensure", config, root, console)


class Bars:
    """A progress bar for each piece of work. Without a terminal, occasional lines."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.progress: Progress | None = None
        self.title = ""
        self.task = TaskID(0)
        self.begun = self.printed = self.first = 0.0

    def __enter__(self) -> Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self.progress:
            self.progress.stop()

    def update(self, message: DataProgress) -> None:
        """Show how much is done."""
        if message["title"] != self.title:
            self.start(message)
        elif self.progress:
            self.progress.update(self.task, completed=message["done"], total=message["total"])
        if not self.console.is_terminal and time.monotonic() > self.printed + LINE_SECONDS:
            self.printed = time.monotonic()
            self.console.print(self.line(message), highlight=False, markup=False)

    def start(self, message: DataProgress) -> None:
        """Begin another piece of work."""
        self.__exit__()
        self.title, self.begun, self.first = message["title"], time.monotonic(), message["done"]
        self.printed = self.begun
        self.console.print(f"{self.title} …", highlight=False, markup=False)
        if not self.console.is_terminal:
            return
        amount: tuple[ProgressColumn, ...] = (TextColumn("{task.completed:.0f}/{task.total:.0f}"),)
        if message["unit"] == "bytes":
            amount = (DownloadColumn(), TransferSpeedColumn())
        columns = (TextColumn("{task.percentage:>3.0f} %"), BarColumn(), *amount)
        left = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
        self.progress = Progress(*columns, *left, console=self.console, transient=True)
        self.progress.start()
        self.task = self.progress.add_task(self.title, total=message["total"], completed=message["done"])

    def line(self, message: DataProgress) -> str:
        """Return the progress in one line."""
        done, total = message["done"], message["total"]
        scale, unit = (1e9, "GB") if message["unit"] == "bytes" else (1.0, message["unit"])
        rate = (done - self.first) / max(time.monotonic() - self.begun, 1e-3)
        left = f"{(total - done) / rate:.0f} s left" if rate > 0 else "waiting"
        digits = 3 if scale > 1 else 0
        speed = f"{rate / 1e6:.1f} MB/s" if scale > 1 else f"{rate:.0f} {unit}/s"
        return f"  {done / scale:.{digits}f} of {total / scale:.{digits}f} {unit}, {speed}, {left}"
