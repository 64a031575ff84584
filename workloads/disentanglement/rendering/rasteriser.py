"""Triangles to pixels: which of them a pixel's centre sees first, and what the vertices say there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.rendering.camera import Camera
from workloads.disentanglement.rendering.mesh import Floats, Mesh, unit


@dataclass(frozen=True)
class Seen:
    """What the pixels show: ``mask`` (h, w) where there is a surface, and of those n pixels in reading order
    ``normals`` (n, 3), ``paint`` (n,) and ``depth`` (n,).
    """

    mask: NDArray[np.bool_]
    normals: Floats
    paint: Floats
    depth: Floats


@dataclass(frozen=True)
class Fragments:
    """Pixels in triangles: ``pixel`` (n,) by row and column, ``triangle`` (n,), and the corners' ``weights`` (3, n)."""

    pixel: NDArray[np.int64]
    triangle: NDArray[np.int64]
    weights: Floats


def fragments_of(columns: Floats, rows: Floats, pixels: int) -> Fragments:
    """All pairs of a triangle and a pixel whose centre lies in it or on its edge.

    ``columns`` and ``rows`` are those of the corners, (T, 3) each, in pixels. Triangles that turn clockwise on the
    screen, as one sees them from behind, have none. The weights are barycentric on the screen.
    """
    # Twice the signed area; rows grow downwards, so that a counter-clockwise turn is negative.
    doubled = (columns[:, 1] - columns[:, 0]) * (rows[:, 2] - rows[:, 0]) - (columns[:, 2] - columns[:, 0]) * (
        rows[:, 1] - rows[:, 0]
    )
    left, right = (np.ceil(columns.min(1) - 0.5), np.floor(columns.max(1) - 0.5))
    top, bottom = (np.ceil(rows.min(1) - 0.5), np.floor(rows.max(1) - 0.5))
    left, top = np.maximum(left, 0).astype(np.int64), np.maximum(top, 0).astype(np.int64)
    wide = np.minimum(right, pixels - 1).astype(np.int64) - left + 1
    high = np.minimum(bottom, pixels - 1).astype(np.int64) - top + 1
    counts = np.where((doubled < 0) & (wide > 0) & (high > 0), wide * high, 0)
    triangle = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(triangle)) - np.repeat(np.cumsum(counts) - counts, counts)
    down, across = np.divmod(place, wide[triangle])
    column, row = left[triangle] + across, top[triangle] + down
    weights = np.empty((3, len(triangle)))
    for corner in range(3):
        one, two = (corner + 1) % 3, (corner + 2) % 3
        # The edge function against this corner, as a plane over the screen.
        by_column = (rows[:, one] - rows[:, two]) / doubled_or_one(doubled)
        by_row = (columns[:, two] - columns[:, one]) / doubled_or_one(doubled)
        start = -by_column * columns[:, one] - by_row * rows[:, one]
        weights[corner] = by_column[triangle] * (column + 0.5) + by_row[triangle] * (row + 0.5) + start[triangle]
    inside = (weights >= 0).all(0)
    return Fragments((row * pixels + column)[inside], triangle[inside], weights[:, inside])


def doubled_or_one(doubled: Floats) -> Floats:
    """Areas to divide by: degenerate triangles have no fragments, whatever they are divided by."""
    return np.where(doubled != 0, doubled, 1.0)


def render_mesh(mesh: Mesh, camera: Camera, pixels: int) -> Seen:
    """What a square image of so many pixels a side shows of a mesh in front of the camera."""
    columns, rows, distances = camera.project(mesh.vertices, pixels)
    found = fragments_of(columns[mesh.triangles], rows[mesh.triangles], pixels)
    corners = mesh.triangles[found.triangle].T
    # What is flat in space is flat on the screen once it is divided by the distance.
    weights = found.weights / distances[corners]
    nearness = weights.sum(0)
    nearest = np.zeros(pixels * pixels)
    np.maximum.at(nearest, found.pixel, nearness)
    first = nearness == nearest[found.pixel]
    # Of equally near fragments, as on an edge that two triangles share, the last is kept.
    kept = np.full(pixels * pixels, -1)
    kept[found.pixel[first]] = np.flatnonzero(first)
    mask = kept >= 0
    chosen = kept[mask]
    share, corners = weights[:, chosen] / nearness[chosen], corners[:, chosen]
    normals = (mesh.normals[corners] * share[..., None]).sum(0)
    paint = (mesh.paint[corners] * share).sum(0)
    return Seen(mask.reshape(pixels, pixels), unit(normals), paint, 1 / nearness[chosen])
