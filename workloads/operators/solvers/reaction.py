"""Reference solutions of diffusion and reaction: u_t = D u_xx - k u² + v(x), u = 0 at first and at both ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve_banded, cholesky_banded

Values = NDArray[np.float64]

ROUNDING = 1e-13
MOST_ITERATIONS = 50


def solve_reaction(
    source: Callable[[Values], Values], x: Values, t: Values, diffusion: float, reaction: float, refinement: int = 8
) -> Values:
    """Solutions (n, x, t) at equidistant ``x`` and ``t`` from 0 on, for sources whose values (n, X) at nodes (X,)
    ``source`` gives.

    Central differences in space and the trapezoidal rule in time, both of second order, with ``refinement`` times the
    cells of ``x`` and ``t``. What the reaction makes of a step is found by iteration. Raises ValueError for a time step
    at which that does not converge, with the bound that it does at.
    """
    nodes = np.linspace(x[0], x[-1], (len(x) - 1) * refinement + 1)
    steps = (len(t) - 1) * refinement
    step, width = (t[-1] - t[0]) / steps, nodes[1] - nodes[0]
    given = source(nodes)[:, 1:-1].T
    stiffness = 0.5 * step * diffusion / width**2
    bands = np.zeros((2, len(given)))
    bands[0, 1:], bands[1] = -stiffness, 1 + 2 * stiffness
    factor = cholesky_banded(bands)
    u = np.zeros_like(given)
    solutions = np.zeros((given.shape[1], len(x), len(t)))
    for number in range(1, steps + 1):
        known = u + stiffness * second_difference(u) + step * given - 0.5 * step * reaction * u**2
        u = advance(factor, known, u, 0.5 * step * reaction)
        if number % refinement == 0:
            solutions[:, 1:-1, number // refinement] = u[refinement - 1 :: refinement].T
    return solutions


def advance(factor: Values, known: Values, start: Values, weight: float) -> Values:
    """The u (X, n) with A u = known - weight u², where ``factor`` is A's. Raises ValueError if iteration fails."""
    u: Values = start
    change = np.inf
    for _ in range(MOST_ITERATIONS):
        found: Values = cho_solve_banded((factor, False), known - weight * u**2)
        before, change = change, float(np.abs(found - u).max(initial=0))
        u = found
        if change <= ROUNDING * max(1.0, float(np.abs(u).max(initial=0))):
            return u
        if not np.isfinite(change) or change > 2 * before:
            break
    bound = 1 / max(2 * float(np.abs(start).max(initial=0)), 1e-300)
    raise ValueError(
        f"the reaction is too fast for the time step: reaction x step / 2 is {weight:.3g}, and it has to be below "
        f"{bound:.3g} here; take a finer grid in time or a smaller reaction"
    )


def second_difference(u: Values) -> Values:
    """Neighbours' sum less twice the value, along the first dimension, with zeros beyond both ends."""
    padded = np.pad(u, ((1, 1), (0, 0)))
    difference: Values = padded[2:] - 2 * u + padded[:-2]
    return difference
