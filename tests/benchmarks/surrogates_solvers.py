"""What the solvers of ``surrogates`` cost beside the public ones that made the published data.

``python tests/benchmarks/surrogates_solvers.py`` prints a line of JSON for each equation: processor seconds of both
sides (medians over rounds in turn, one thread), their ratio, and both sides' relative errors.

- ``navier_stokes``: the scheme of the public generator (Li et al. 2021, arXiv:2010.08895), written anew: Crank and
  Nicolson's friction, Euler's transport, steps of 0.0001 s, single precision, torch's transforms. Both are held against
  our solver by steps of 0.0005 s.
- ``darcy``: the public generator's five-point differences, solved by elimination as there (MATLAB's backslash; here
  SciPy's SuperLU). What elimination finds is the truth.

The public generator of ``burgers`` is MATLAB's chebfun, which cannot be run here.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import spsolve

from workloads.surrogates.solvers.darcy import draw_coefficient, solve_darcy
from workloads.surrogates.solvers.navier_stokes import NavierStokes, draw_vorticity, published_force

Floats = NDArray[np.float64]
VISCOSITY, AMPLITUDE = 0.001, 4.3
PUBLIC_STEP, OUR_STEP, FINE_STEP = 0.0001, 0.004, 0.0005
"""Seconds: the public generator's, that of ``recipe=reference``, and the one that both are held against."""


def public_flow(vorticity: Floats, seconds: float) -> Floats:
    """The vorticity (n, p, p) so much later, by the public scheme."""
    points = vorticity.shape[-1]
    across = torch.fft.rfftfreq(points, 1 / points)
    along = torch.fft.fftfreq(points, 1 / points)[:, None]
    squares = 4 * torch.pi**2 * (along**2 + across**2)
    inverse = torch.where(squares > 0, 1 / squares.clamp_min(1e-30), torch.zeros(()))
    kept = (along.abs() <= points / 3) & (across.abs() <= points / 3)
    slopes = 2j * torch.pi * along, 2j * torch.pi * across
    damping = 0.5 * PUBLIC_STEP * VISCOSITY * squares
    force = torch.fft.rfft2(torch.from_numpy(published_force(points)).float())
    modes = torch.fft.rfft2(torch.from_numpy(vorticity).float())

    def on_points(found: torch.Tensor) -> torch.Tensor:
        values: torch.Tensor = torch.fft.irfft2(found, s=(points, points))
        return values

    for _ in range(round(seconds / PUBLIC_STEP)):
        stream = modes * inverse
        carried = on_points(slopes[1] * stream) * on_points(slopes[0] * modes)
        carried = carried - on_points(slopes[0] * stream) * on_points(slopes[1] * modes)
        change = force - torch.fft.rfft2(carried) * kept
        modes = ((1 - damping) * modes + PUBLIC_STEP * change) / (1 + damping)
    later: Floats = on_points(modes).double().numpy()
    return later


def our_flow(vorticity: Floats, seconds: float, step: float = OUR_STEP) -> Floats:
    """The same by this project's solver."""
    points = vorticity.shape[-1]
    return NavierStokes(points, VISCOSITY, step).advance(vorticity, seconds, published_force(points))


def public_pressure(rocks: Floats) -> Floats:
    """The pressures of rocks (n, p, p), one after the other by elimination."""
    inner = rocks.shape[-1] - 2
    place = np.arange(inner**2).reshape(inner, inner)
    found = np.zeros_like(rocks)
    for rock, pressure in zip(rocks, found, strict=True):
        down = (rock[:-1, 1:-1] + rock[1:, 1:-1]) / 2
        right = (rock[1:-1, :-1] + rock[1:-1, 1:]) / 2
        diagonal = sparse.diags((down[:-1] + down[1:] + right[:, :-1] + right[:, 1:]).ravel())
        beside = sparse.coo_matrix(
            (
                -np.concatenate((down[1:-1].ravel(), right[:, 1:-1].ravel())),
                (
                    np.concatenate((place[:-1].ravel(), place[:, :-1].ravel())),
                    np.concatenate((place[1:].ravel(), place[:, 1:].ravel())),
                ),
            ),
            shape=(inner**2, inner**2),
        )
        matrix = (diagonal + beside + beside.T).tocsc()
        right_side = np.full(inner**2, 1 / (inner + 1) ** 2)
        pressure[1:-1, 1:-1] = spsolve(matrix, right_side, permc_spec="MMD_AT_PLUS_A").reshape(inner, inner)
    return found


def relative_error(found: Floats, truth: Floats) -> float:
    """Relative L2 error, over all samples."""
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def compare(sides: dict[str, Callable[[], Floats]], rounds: int) -> tuple[dict[str, float], dict[str, Floats]]:
    """Processor seconds of each side, the median over rounds in turn, and what each found."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    found = {}
    for _ in range(rounds):
        for name, solve in sides.items():
            start = time.process_time()
            found[name] = solve()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(each) for name, each in seconds.items()}, found


def main() -> None:
    """Compare both equations' solvers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=0.04, help="of the flows, a whole number of public steps")
    parser.add_argument("--flow-points", type=int, default=256)
    parser.add_argument("--rock-points", type=int, default=421)
    options = parser.parse_args()
    torch.set_num_threads(1)
    random = np.random.default_rng(1)
    flows = np.stack([AMPLITUDE * draw_vorticity(options.flow_points, random) for _ in range(options.samples)])
    rocks = np.stack([draw_coefficient(options.rock_points, random) for _ in range(options.samples)])
    asked: dict[str, tuple[dict[str, Callable[[], Floats]], Callable[[dict[str, Floats]], Floats]]] = {
        "navier_stokes": (
            {"public": lambda: public_flow(flows, options.seconds), "ours": lambda: our_flow(flows, options.seconds)},
            lambda _: our_flow(flows, options.seconds, FINE_STEP),
        ),
        "darcy": (
            {"public": lambda: public_pressure(rocks), "ours": lambda: solve_darcy(rocks)},
            lambda found: found["public"],
        ),
    }
    for equation, (sides, truth_of) in asked.items():
        seconds, found = compare(sides, options.rounds)
        truth = truth_of(found)
        errors = {name: relative_error(each, truth) for name, each in found.items()}
        told = {"equation": equation, "cpu_s": seconds, "ratio": seconds["public"] / seconds["ours"], "errors": errors}
        print(json.dumps({**told, **vars(options)}), flush=True)


if __name__ == "__main__":
    main()
