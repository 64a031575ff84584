"""A benchmark's data set, seen from the login node: worked on by a process that may import what it needs."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
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

PROJECT = Path(__file__).resolve().parents[2]
LINE_SECONDS = 10.0
"""How often progress is printed where there is no terminal to draw a bar on."""


class DataNotReadyError(UsageError):
    """The process that works on the data said what is wrong with them; nothing can run on them. ``remedy`` is the verb
    of ``data`` that helps, if one does.
    """

    def __init__(self, message: str, remedy: str | None = None) -> None:
        super().__init__(message)
        self.remedy = remedy


def request(config: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """What the process that does the work must know. Data are kept below ``root``."""
    benchmark = config["benchmark"]
    download = {**benchmark["download"]}
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


def run_dataset(verb: str, config: Mapping[str, Any], root: Path, console: Console) -> dict[str, Any]:
    """Do ``verb`` (see workloads/data.py) with a progress bar; returns what the process says of the data set.

    Raises DataNotReadyError with the process's own message and, where a command would help, that command.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "workloads.data", verb, json.dumps(request(config, root))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        cwd=PROJECT,
    )
    assert process.stdout is not None and process.stderr is not None
    answer: dict[str, Any] = {}
    try:
        with Bars(console) as bars:
            for line in process.stdout:
                message = json.loads(line)
                if "say" in message:
                    console.print(message["say"], highlight=False, markup=False, soft_wrap=True)
                elif "done" in message:
                    bars.update(message)
                else:
                    answer = message
    except BaseException:
        process.terminate()
        process.wait()
        raise
    trouble = process.stderr.read()
    if process.wait() != 0 or "error" in answer:
        last = trouble.strip().splitlines()[-1:] or ["no message"]
        remedy = answer.get("remedy")
        text = answer.get("error") or f"{verb} failed: {last[0]}"
        if remedy:
            text += "\nGet it with: " + "\n        then: ".join(commands(config, remedy))
            if verb == "ensure" and config["benchmark"]["dataset"]["source"] == "real":
                text += "\nStand-in data need no download: add benchmark.dataset.source=stand-in"
        raise DataNotReadyError(text, remedy)
    return answer


def commands(config: Mapping[str, Any], verb: str) -> list[str]:
    """The command lines from ``verb`` on until a run with this configuration has its data."""
    if verb == "reference":
        named = [f"benchmark={config['benchmark']['name']}", *choice_words(config)]
        config = compose_all([*named, "recipe=reference"], False)[0]
        verb = "download"
    verbs = {"download": ["download", "convert"], "convert": ["convert"], "synthesise": ["synthesise"]}[verb]
    return [shlex.join(["python", "-m", "orchestrator", "data", *words(config, verb)]) for verb in verbs]


def choice_words(config: Mapping[str, Any]) -> list[str]:
    """``dataset=NAME method=NAME``, as far as they do not go without saying."""
    benchmark, shown = config["benchmark"], choice_of(config)
    return [f"{axis.group}={benchmark[axis.key]}" for axis in AXES if benchmark[axis.key] in shown]


def words(config: Mapping[str, Any], verb: str) -> list[str]:
    """Benchmark, verb and the KEY=VALUE that single out the data set of a configuration."""
    benchmark, recipe, cluster = config["benchmark"]["name"], config["recipe"], config["cluster"]["name"]
    chosen = [*choice_words(config), f"recipe={recipe}"] + ([f"cluster={cluster}"] if cluster != "local" else [])
    try:
        plain = compose_all([f"benchmark={benchmark}", *chosen], False)[0]
    except UsageError:
        # A site's own benchmark, recipe or cluster, which only its --config-dir has.
        plain = {"benchmark": {"dataset": {}, "download": {}}, "cluster": {"paths": {"data": None}}}
    for section in ("dataset", "download"):
        usual = plain["benchmark"][section]
        for key, value in config["benchmark"][section].items():
            if key not in usual or usual[key] != value:
                shown = json.dumps(value) if isinstance(value, list) else "null" if value is None else value
                chosen.append(f"benchmark.{section}.{key}={shown}")
    if plain["cluster"]["paths"]["data"] != config["cluster"]["paths"]["data"]:
        chosen.append(f"cluster.paths.data={config['cluster']['paths']['data']}")
    return [benchmark, verb, *chosen]


def ensure_dataset(config: Mapping[str, Any], root: Path, console: Console) -> dict[str, Any]:
    """The data set is there and whole, made first if it is a stand-in that is missing. Raises DataNotReadyError."""
    return run_dataset("ensure", config, root, console)


class Bars:
    """A progress bar for each piece of work; without a terminal, a line now and then."""

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

    def update(self, message: Mapping[str, Any]) -> None:
        """So much of so much is done."""
        if message["title"] != self.title:
            self.start(message)
        elif self.progress:
            self.progress.update(self.task, completed=message["done"], total=message["total"])
        if not self.console.is_terminal and time.monotonic() > self.printed + LINE_SECONDS:
            self.printed = time.monotonic()
            self.console.print(self.line(message), highlight=False, markup=False)

    def start(self, message: Mapping[str, Any]) -> None:
        """Another piece of work begins."""
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

    def line(self, message: Mapping[str, Any]) -> str:
        """Progress in words."""
        done, total = message["done"], message["total"]
        scale, unit = (1e9, "GB") if message["unit"] == "bytes" else (1.0, message["unit"])
        rate = (done - self.first) / max(time.monotonic() - self.begun, 1e-3)
        left = f"{(total - done) / rate:.0f} s left" if rate > 0 else "waiting"
        digits = 3 if scale > 1 else 0
        speed = f"{rate / 1e6:.1f} MB/s" if scale > 1 else f"{rate:.0f} {unit}/s"
        return f"  {done / scale:.{digits}f} of {total / scale:.{digits}f} {unit}, {speed}, {left}"
