"""Reference solutions of Stokes flow in the unit square under a moving lid: μ Δ(u, v) = ∇p, u_x + v_y = 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

Values = NDArray[np.float64]


def solve_cavity(lid: Callable[[Values], Values], grid: int, viscosity: float, refinement: int = 2) -> Values:
    """Velocities and pressure (n, 3, grid, grid) at equidistant points (x, y) for lids whose velocities (n, X) at
    places (X,) ``lid`` gives.

    Second order on the staggered grid of Harlow and Welch 1965 (doi:10.1063/1.1761178), with ``refinement`` cells from
    one point to the next. The pressure's mean over the bottom is 0.
    """
    cells = (grid - 1) * refinement
    faces = np.linspace(0, 1, cells + 1)
    moved = lid(faces[1:-1])
    count = len(moved)
    of_u, of_v = (cells - 1) * cells, cells * (cells - 1)
    right = np.zeros((of_u + of_v + cells**2, count))
    # A wall half a cell away counts twice what it would a cell away.
    right[:of_u].reshape(cells - 1, cells, count)[:, -1] = -2 * viscosity * cells**2 * moved.T
    found = splu(system(cells, viscosity)).solve(right)
    u = np.zeros((count, cells + 1, cells + 2))
    u[:, 1:-1, 1:-1] = found[:of_u].T.reshape(count, cells - 1, cells)
    u[:, 1:-1, 0], u[:, 1:-1, -1] = -u[:, 1:-1, 1], 2 * moved - u[:, 1:-1, -2]
    v = np.zeros((count, cells + 2, cells + 1))
    v[:, 1:-1, 1:-1] = found[of_u : of_u + of_v].T.reshape(count, cells, cells - 1)
    v[:, 0], v[:, -1] = -v[:, 1], -v[:, -2]
    p = extended(found[of_u + of_v :].T.reshape(count, cells, cells))
    nodes = np.stack(
        [
            0.5 * (u[:, :, 1:] + u[:, :, :-1]),
            0.5 * (v[:, 1:] + v[:, :-1]),
            0.25 * (p[:, 1:, 1:] + p[:, :-1, 1:] + p[:, 1:, :-1] + p[:, :-1, :-1]),
        ],
        axis=1,
    )
    nodes[:, 2] -= nodes[:, 2, :, :1].mean(axis=1, keepdims=True)
    return nodes[..., ::refinement, ::refinement]


def system(cells: int, viscosity: float) -> sparse.csc_matrix:
    """The equations of u at inner faces along x (cells - 1, cells), of v (cells, cells - 1), and of what flows out of
    each cell; one pressure is held at 0.
    """
    width = 1 / cells
    inner, wall = second_difference(cells - 1, 2), second_difference(cells, 3)
    difference = sparse.diags_array([-np.ones(cells - 1), np.ones(cells - 1)], offsets=[0, 1], shape=(cells - 1, cells))
    one, fewer = sparse.eye_array(cells), sparse.eye_array(cells - 1)
    of_u = viscosity / width**2 * (sparse.kron(inner, one) + sparse.kron(fewer, wall))
    of_v = viscosity / width**2 * (sparse.kron(wall, fewer) + sparse.kron(one, inner))
    by_x, by_y = sparse.kron(difference, one) / width, sparse.kron(one, difference) / width
    held = sparse.csr_array(([1.0], ([0], [0])), shape=(cells**2, cells**2))
    return sparse.block_array([[of_u, None, -by_x], [None, of_v, -by_y], [-by_x.T, -by_y.T, held]]).tocsc()


def second_difference(count: int, at_ends: int) -> sparse.dia_array:
    """Neighbours less twice the value; at both ends less ``at_ends`` times: 2 for a wall a cell away, 3 for half."""
    diagonal = np.full(count, -2.0)
    diagonal[[0, -1]] = -at_ends
    beside = np.ones(count - 1)
    return sparse.diags_array([beside, diagonal, beside], offsets=[-1, 0, 1])


def extended(values: Values) -> Values:
    """Values (n, c, c) with one more along each edge, on the line through the last two."""
    for axis in (1, 2):
        moved = np.moveaxis(values, axis, 0)
        values = np.moveaxis(
            np.concatenate([2 * moved[:1] - moved[1:2], moved, 2 * moved[-1:] - moved[-2:-1]]), 0, axis
        )
    return values
