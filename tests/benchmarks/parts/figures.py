"""Figures as they are kept: one JSON file a row of the table, in it one figure for each machine that measured it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from parts.turns import PROJECT, write_whole

KEPT = PROJECT / "tests" / "benchmarks" / "figures"


@dataclass(frozen=True)
class Machine:
    """What a figure is of. Two with the same fields are taken for one; null is what nobody wrote down."""

    processor: str | None
    cores: int
    units: str | None
    """The processor's units for bfloat16, as the system names them, or ``none``."""
    memory_gib: int | None
    accelerator: str | None = None

    def __str__(self) -> str:
        host = f"{self.cores} cores" + (f" ({self.processor})" if self.processor else "")
        units = {None: "", "none": "no units for bfloat16"}.get(self.units, f"units for bfloat16: {self.units}")
        memory = f"{self.memory_gib} GiB" if self.memory_gib else ""
        return ", ".join(part for part in (self.accelerator, host, memory, units) if part)


@dataclass(frozen=True)
class Picked:
    """What is taken of what a script printed: a value, its least and greatest, how many it is the median of.

    ``beside`` is text: both sides of a ratio, what limits it, the quality that was reached. ``clock`` is ``wall``, or
    ``processor`` for seconds of processors.
    """

    value: float
    n: int
    low: float | None = None
    high: float | None = None
    beside: str = ""
    clock: str = "wall"


@dataclass(frozen=True)
class Figure:
    """A measured value with all that it takes to read it. ``idle`` is whether nothing else ran; null: not known."""

    picked: Picked
    config: str
    machine: Machine
    date: str
    commit: str
    idle: bool | None
    took_s: float | None = None


def read_figures(row: str, folder: Path = KEPT) -> list[Figure]:
    """The figures of a row, as many as machines; none if it was never measured."""
    path = folder / f"{row}.json"
    if not path.exists():
        return []
    return [
        Figure(**{**each, "picked": Picked(**each["picked"]), "machine": Machine(**each["machine"])})
        for each in json.loads(path.read_text())
    ]


def keep_figure(row: str, figure: Figure, folder: Path = KEPT) -> None:
    """Put a figure in the place of the one that the same machine had: their order gives machines the letters that texts
    name.
    """
    figures = {known.machine: known for known in read_figures(row, folder)}
    figures[figure.machine] = figure
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps([asdict(each) for each in figures.values()], indent=1, ensure_ascii=False)
    write_whole(folder / f"{row}.json", text + "\n")


def describe_machine() -> Machine:
    """This machine."""
    from orchestrator.records.processors import own_identity
    from workloads.runtime.devices import processor_units

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    accelerator = None
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        names = subprocess.run(query, capture_output=True, text=True).stdout.split("\n")
        accelerator = names[0].strip() or None
    return Machine(
        own_identity().name, len(os.sched_getaffinity(0)), processor_units() or "none", round(memory), accelerator
    )


def read_commit() -> str:
    """The commit that is measured, with a plus if files differ from it; nothing outside of a checkout."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(PROJECT), *words], capture_output=True, text=True)
        return done.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD")
    return commit + ("+" if git("status", "--porcelain", "--", "orchestrator", "workloads", "tests") else "")
