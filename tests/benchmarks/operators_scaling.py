"""How time and memory of three ways of differentiating grow with a derivative's order, with points and with functions.

``python tests/benchmarks/operators_scaling.py --to FILE.png`` measures each in a process of its own, prints a line of
JSON each, and draws both against all three, as the figures of Leng et al. 2024 (arXiv:2311.00860) do. A step is the
loss of u + u_x + u_xx + ... up to the order, of the published DeepONet, and its gradients. ``--published`` has the
paper's sizes, which are for an accelerator; what takes longer than ``--limit`` or finds no memory is left out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from parts.turns import PROJECT, forget_peak, peak_bytes

WAYS = {"function_loop": "FunctionLoop", "data_vectorised": "DataVectorised", "zcs": "ZeroCoordinateShift"}
CLOCKS = {"wall": "wall time", "cpu": "processor time"}
Sizes = dict[str, int]
SMALL: tuple[Sizes, dict[str, list[int]]] = (
    {"functions": 10, "points": 250, "order": 3},
    {"functions": [5, 10, 20, 40], "points": [125, 250, 500, 1000], "order": [1, 2, 3, 4]},
)
PUBLISHED: tuple[Sizes, dict[str, list[int]]] = (
    {"functions": 80, "points": 8000, "order": 3},
    {
        "functions": [5, 10, 20, 40, 80, 160, 320, 640, 1280],
        "points": [500, 1000, 2000, 4000, 8000, 16000, 32000, 64000, 128000],
        "order": [1, 2, 3, 4, 5, 6, 7, 8, 9],
    },
)


def measure(way: str, sizes: Sizes, steps: int, device: str, cpu_time: bool) -> dict[str, float]:
    """Median ms of a step, and the most memory that steps took, MiB. In a process that has done nothing before."""
    import torch

    from workloads.operators import derivatives
    from workloads.operators.equations.base import Equation
    from workloads.operators.networks import DeepONet

    class Plain(Equation):
        """The sum of derivatives by the first coordinate."""

        def residuals(self, field: Any, source: Any) -> Any:
            terms = {(0, (order, 0)): 1.0 for order in range(1, sizes["order"] + 1)}
            return [field.values[0] + field.combine(terms)]

    torch.manual_seed(1)
    equation = Plain({})
    network = DeepONet(equation, 50, 1, [128, 128, 128]).to(device)
    sensors = torch.randn(sizes["functions"], 50, device=device)
    points = torch.rand(sizes["points"], 2, device=device)
    clock = time.process_time if cpu_time else time.perf_counter
    accelerated = device != "cpu"
    before = 0 if accelerated else forget_peak()
    taken = []
    for _ in range(steps + 1):
        begun = clock()
        network.zero_grad()
        field = getattr(derivatives, WAYS[way])(network, sensors, points, sizes["points"])
        equation.residuals(field, None)[0].square().mean().backward()
        if accelerated:
            torch.cuda.synchronize()
        taken.append(clock() - begun)
    memory = torch.cuda.max_memory_allocated() if accelerated else peak_bytes() - before
    return {"step_ms": 1000 * statistics.median(taken[1:]), "memory_mib": memory / 2**20}


def measure_all(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Each way at all sizes, one process after the other; a size that fails or takes too long is not tried greater."""
    fixed, varied = PUBLISHED if options.published else SMALL
    for axis, values in varied.items():
        for way in WAYS:
            for value in values:
                sizes = {**fixed, axis: value}
                words = ["--one", way, json.dumps(sizes), "--steps", str(options.steps), "--device", options.device]
                command = [sys.executable, __file__, *words, "--clock", options.clock]
                try:
                    done = subprocess.run(
                        command, capture_output=True, text=True, timeout=options.limit, check=True, cwd=PROJECT
                    )
                except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
                    print(f"{way} at {sizes}: {type(error).__name__}", file=sys.stderr)
                    break
                yield {"axis": axis, "method": way, **sizes, **json.loads(done.stdout)}


def draw(rows: list[dict[str, Any]], path: Path, title: str, clock: str) -> None:
    """Time above, memory below, against functions, points and order."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    figure = Figure(figsize=(12, 6.5), layout="constrained")
    grid = figure.subplots(2, 3, sharey="row")
    figure.suptitle(title, fontsize=10)
    for column, axis in zip(grid.T, ("functions", "points", "order"), strict=True):
        for panel, quantity in zip(column, ("step_ms", "memory_mib"), strict=True):
            for way, marker in zip(WAYS, "osD", strict=True):
                chosen = [row for row in rows if row["axis"] == axis and row["method"] == way]
                panel.plot([row[axis] for row in chosen], [row[quantity] for row in chosen], marker=marker, label=way)
            panel.set_yscale("log")
            if axis != "order":
                panel.set_xscale("log")
            sizes = sorted({row[axis] for row in rows if row["axis"] == axis})
            panel.set_xticks(sizes, [str(size) for size in sizes])
            panel.set_xticks([], minor=True)
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter(NullFormatter())
            panel.set_xlabel(axis)
            panel.grid(alpha=0.3, which="both")
    grid[0, 0].set_ylabel(f"a step, {clock}, ms")
    grid[1, 0].set_ylabel("memory, MiB")
    grid[0, 0].legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure all, or one in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--to", type=Path, default=Path("operators_scaling.png"), help="the picture")
    parser.add_argument("--published", action="store_true")
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--limit", type=float, default=120, help="of one process, s")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--clock", choices=tuple(CLOCKS), default="wall")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        way, sizes = options.one
        print(json.dumps(measure(way, json.loads(sizes), options.steps, options.device, options.clock == "cpu")))
        return
    rows = []
    for row in measure_all(options):
        rows.append(row)
        print(json.dumps(row), flush=True)
    fixed, _ = PUBLISHED if options.published else SMALL
    held = ", ".join(f"{value} {name}" for name, value in fixed.items() if name != "order")
    title = f"{held}, order {fixed['order']}, where they do not vary; {options.device}"
    draw(rows, options.to, title, CLOCKS[options.clock])


if __name__ == "__main__":
    main()
