"""A method's training beside a published loop of the same network: speed, and what both came to."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parts import ours
from parts.turns import CLOCK, PROJECT, Side, cpu_clock, ratios, summary, take_rounds

LIMIT = 1.5
"""Times the published loop's speed that ours is asked for."""


@dataclass(frozen=True)
class Comparison:
    """What is compared. ``program`` is the published loop's module, ``options`` what it is told besides;
    ``write(consolidated, path)`` writes our training arrays as that loop has them in memory.
    """

    name: str
    method: str
    words: list[str]
    program: str
    batch: int
    warm_up: int
    write: Callable[[Path, Path], None]
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ranks:
    """A method whose training on two ranks is compared with that on one."""

    name: str
    method: str
    words: list[str]
    batch: int
    warm_up: int


def loop_options(description: str | None, steps: int) -> argparse.ArgumentParser:
    """The options that every such benchmark has; ``steps`` is the number of a round's."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--methods", type=lambda text: text.split(","))
    parser.add_argument("--recipe", default="fast")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=steps, help="of a round")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--efficiency", action="store_true", help="two ranks on two cores beside one, instead")
    parser.add_argument("--comm", default="horovod", help="of two ranks")
    parser.add_argument("--data", type=Path, default=PROJECT / "data", help="where data are kept")
    return parser


def set_clock(options: argparse.Namespace) -> None:
    """Have both sides count by the clock asked for."""
    if options.clock == "cpu":
        # Threads that wait for each other take processor time too.
        options.threads = 1
        os.environ[CLOCK] = "cpu"


def compare_with_loop(asked: Comparison, options: argparse.Namespace) -> dict[str, Any]:
    """Both sides in turns: their speeds, the ratio, and their losses after equally many samples."""
    from published_loops import processor

    consolidated = ours.ensure_data(asked.words, options.data)
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked.write(consolidated, folder / "arrays.npz")
        program = [
            "-m", asked.program, "--folder", name, "--method", asked.method, "--batch", str(asked.batch),
            "--data", str(folder / "arrays.npz"), "--threads", str(options.threads), *asked.options,
        ]  # fmt: skip
        paths = f"{PROJECT}:{PROJECT / 'tests' / 'benchmarks'}"
        environment = {"PYTHONPATH": paths, "OMP_NUM_THREADS": str(options.threads)}
        threads, warm_up = options.threads, asked.warm_up
        try:
            sides.append(Side("published", folder, [sys.executable, *program], 1, environment, warm_up))
            sides.append(ours.start("ours", folder, asked.words, options.data, threads=threads, warm_up=warm_up))
            disturbed = take_rounds(sides, options.rounds, dict.fromkeys(("published", "ours"), options.steps))
        finally:
            for side in sides:
                side.end()
        losses = {side.name: np.load(folder / f"{side.name}-0-losses.npy").ravel() for side in sides}
    found = ratios(*sides)
    fast = sides[1]
    data_share = statistics.median(fast.median(number, 2) / fast.median(number) for number in range(options.rounds))
    return {
        "benchmark": f"{asked.name}/{asked.method}",
        "ratio": round(statistics.median(found), 2),
        "limit": LIMIT,
        "met": statistics.median(found) >= LIMIT,
        "range": [round(min(found), 2), round(max(found), 2)],
        "samples_per_s": {side.name: round(asked.batch / summary([side])["step_s"][side.name], 1) for side in sides},
        "loss": compare_losses(losses),
        "data_share": round(data_share, 4) if options.clock == "wall" else None,
        "recipe": options.recipe,
        "batch": asked.batch,
        "threads": options.threads,
        "clock": options.clock,
        "processor": processor(),
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


def compare_two_ranks(asked: Ranks, limit: float, options: argparse.Namespace) -> dict[str, Any]:
    """One rank, two that train apart, and two that train together, in turns.

    ``efficiency`` is T(2) ÷ (2 T(1)), T in samples/s. ``against_two_apart`` is the same relative to two processes that
    exchange nothing but meet each other in caches and memory: what is lost to communication alone. ``data_share`` is
    that of waiting for data in a step.
    """
    from published_loops import processor

    from workloads.runtime.devices import processor_units

    ours.ensure_data(asked.words, options.data)
    kinds = {"one": (1, "alone"), "apart": (2, "alone"), "together": (2, options.comm)}
    sides: list[Side] = []
    with tempfile.TemporaryDirectory() as name:
        try:
            for side, (ranks, comm) in kinds.items():
                sides.append(ours.start(side, Path(name), asked.words, options.data, ranks, 1, comm, asked.warm_up))
            disturbed = take_rounds(sides, options.rounds, dict.fromkeys(kinds, options.steps))
        finally:
            for started in sides:
                started.end()
    one, apart, together = sides
    efficiency = ratios(one, together)
    shares = [together.median(number, 2) / together.median(number) for number in range(options.rounds)]
    return {
        "benchmark": f"{asked.name}/{asked.method}",
        "efficiency": round(statistics.median(efficiency), 3),
        "limit": limit,
        "met": statistics.median(efficiency) >= limit,
        "range": [round(min(efficiency), 3), round(max(efficiency), 3)],
        "against_two_apart": round(statistics.median(ratios(apart, together)), 3),
        **summary(sides),
        "data_share": None if cpu_clock() else round(statistics.median(shares), 4),
        "comm": options.comm,
        "recipe": options.recipe,
        "batch_per_rank": asked.batch,
        "processor": processor(),
        "bfloat16": processor_units() or "none",
        "rounds": options.rounds,
        "disturbed": disturbed,
    }


def compare_losses(losses: dict[str, NDArray[np.float64]]) -> dict[str, Any]:
    """Both sides' mean loss over the last quarter of the steps that both have taken, and the steps."""
    steps = min(len(found) for found in losses.values())
    window = slice(steps - steps // 4, steps)
    return {"steps": steps} | {name: round(float(found[window].mean()), 4) for name, found in losses.items()}
