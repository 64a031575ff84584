"""The reference solver of diffusion and reaction beside the public one that the published code uses.

``OMP_NUM_THREADS=1 python tests/benchmarks/operators_solvers.py --public ADR_solver.py``, with that file of DeepXDE's
examples/operator, prints one line of JSON for each: processor ms a function, and the error (relative L2, mean over
functions) on the published grid of 40 x 40 against ours at 32 times its cells. Both have the same 50 sources and the
equation's own sign of the reaction; ours takes all together, with as many cells as the public one and with the 8 times
that it has by default.
"""

from __future__ import annotations

import argparse
import json
import runpy
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workloads.operators.problems.diffusion_reaction import DiffusionReaction
from workloads.operators.problems.spaces import Values
from workloads.operators.solvers.reaction import solve_reaction

DIFFUSION = REACTION = 0.01
FUNCTIONS, GRID = 50, 40


def main() -> None:
    """Solve by each and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--public", type=Path, required=True, help="DeepXDE's examples/operator/ADR_solver.py")
    public = runpy.run_path(str(parser.parse_args().public))["solve_ADR"]
    names = {"diffusion": DIFFUSION, "reaction": REACTION, "length_scale": 0.2, "nodes": 201, "sensors": 50}
    space = DiffusionReaction(names).space
    functions = space.draw(FUNCTIONS, np.random.default_rng(1))
    x = t = np.linspace(0, 1, GRID)

    def ours(refinement: int) -> Values:
        return solve_reaction(lambda nodes: functions @ space.basis(nodes), x, t, DIFFUSION, REACTION, refinement)

    def theirs() -> Values:
        values = functions @ space.basis(x)
        return np.stack([solve_public(public, source) for source in values])

    fine = ours(32)
    sides: dict[str, Callable[[], Values]] = {
        "public": theirs,
        "ours": lambda: ours(1),
        "ours, refined": lambda: ours(8),
    }
    for name, solve in sides.items():
        begun = time.process_time()
        found = solve()
        taken = time.process_time() - begun
        errors = np.sqrt(np.square(found - fine).sum((1, 2)) / np.square(fine).sum((1, 2)))
        print(json.dumps({"solver": name, "ms_a_function": 1000 * taken / FUNCTIONS, "error": errors.mean()}))


def solve_public(public: Callable[..., tuple[Values, Values, Values]], source: Values) -> Values:
    """One function's solution (x, t) by DeepXDE's example."""
    _, _, u = public(
        0, 1, 0, 1,
        lambda x: DIFFUSION * np.ones_like(x), lambda x: np.zeros_like(x),
        lambda u: -REACTION * u**2, lambda u: -2 * REACTION * u,
        lambda x, t: np.repeat(source[:, None], len(t), axis=1), lambda x: np.zeros_like(x), GRID, GRID,
    )  # fmt: skip
    return u


if __name__ == "__main__":
    main()
