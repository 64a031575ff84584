"""A benchmark's data set, seen from the login node: made or checked by a process that may import what it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from orchestrator.config.compose import UsageError

PROJECT = Path(__file__).resolve().parents[1]


def dataset_command(verb: str, settings: Mapping[str, Any], root: Path) -> list[str]:
    """The command line of the process that does the work."""
    return [
        sys.executable, "-m", "workloads.data", verb, settings["dataset_module"],
        json.dumps(settings["dataset"]), str(root),
    ]  # fmt: skip


def run_dataset(verb: str, settings: Mapping[str, Any], root: Path, console: Console, title: str) -> dict[str, Any]:
    """Do ``verb`` (ensure, verify, info) with a progress bar; returns what the process says of the data set.

    Raises UsageError with the process's own message.
    """
    process = subprocess.Popen(
        dataset_command(verb, settings, root),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    assert process.stdout is not None and process.stderr is not None
    answer: dict[str, Any] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
    )
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True) as bar:
        task = None
        try:
            for line in process.stdout:
                message = json.loads(line)
                if "done" in message:
                    if task is None:
                        console.print(f"{title} …", highlight=False)
                        task = bar.add_task(title, total=message["total"])
                    bar.update(task, completed=message["done"], total=message["total"])
                else:
                    answer = message
        except BaseException:
            process.terminate()
            process.wait()
            raise
    trouble = process.stderr.read()
    if process.wait() != 0 or "error" in answer:
        last = trouble.strip().splitlines()[-1:] or ["no message"]
        raise UsageError(answer.get("error") or f"{title} failed: {last[0]}")
    return answer


def ensure_dataset(settings: Mapping[str, Any], root: Path, console: Console) -> dict[str, Any]:
    """The data set is there and whole, made first if it is a stand-in that is missing."""
    name = f"making stand-in data for {settings['name']}, once"
    return run_dataset("ensure", settings, root, console, name)
