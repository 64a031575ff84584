"""Surfaces of triangles, and the few ways in which the shapes here are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Mesh:
    """A surface: ``vertices`` (V, 3), ``triangles`` (T, 3) of their numbers, counter-clockwise as seen from outside,
    and outward unit ``normals`` (V, 3). ``paint`` (V,) is how much of the object's own colour a vertex shows, 0 to 1.
    """

    vertices: Floats
    triangles: NDArray[np.int64]
    normals: Floats
    paint: Floats

    @classmethod
    def of(cls, vertices: Floats, triangles: NDArray[np.int64], paint: float = 1.0) -> Mesh:
        """With normals that are the mean of the triangles around a vertex, weighted by their areas."""
        a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
        facing = np.cross(b - a, c - a)
        normals = np.zeros_like(vertices)
        for corner in range(3):
            np.add.at(normals, triangles[:, corner], facing)
        return cls(vertices, triangles, unit(normals), np.full(len(vertices), paint))

    def moved(self, offset: Vector) -> Mesh:
        """The same surface elsewhere."""
        return replace(self, vertices=self.vertices + np.array(offset))

    def painted(self, paint: float | Floats) -> Mesh:
        """The same surface with so much of the object's own colour."""
        return replace(self, paint=np.broadcast_to(np.float64(paint), len(self.vertices)).copy())


def unit(vectors: Floats) -> Floats:
    """Vectors (..., 3) of length one; those of length zero stay what they are."""
    lengths = np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    shortened: Floats = vectors / np.where(lengths > 0, lengths, 1.0)
    return shortened


def join_meshes(meshes: Sequence[Mesh]) -> Mesh:
    """One surface of several, each with its own normals."""
    firsts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + first for mesh, first in zip(meshes, firsts, strict=True)]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.paint for mesh in meshes]),
    )


def mesh_of_rings(rings: Floats, paint: float = 1.0) -> Mesh:
    """The surface through rings of points (R, S, 3), each closed and joined to the next.

    A ring goes around counter-clockwise as seen from where the rings come to.
    """
    count, around = rings.shape[:2]
    ring, place = np.meshgrid(np.arange(count - 1), np.arange(around), indexing="ij")
    corner, after = ring * around + place, ring * around + (place + 1) % around
    lower = np.stack([corner, after, after + around], -1).reshape(-1, 3)
    upper = np.stack([corner, after + around, corner + around], -1).reshape(-1, 3)
    return Mesh.of(rings.reshape(-1, 3), np.concatenate([lower, upper]), paint)


def revolve(profile: Floats, around: int = 32, paint: float = 1.0) -> Mesh:
    """The surface of a curve (P, 2) of radius and height, from below to above, turned about the vertical axis z."""
    angles = 2 * np.pi * np.arange(around) / around
    radius, height = profile[:, :1], profile[:, 1:]
    rings = np.stack(np.broadcast_arrays(radius * np.cos(angles), radius * np.sin(angles), height), -1)
    return mesh_of_rings(rings, paint)


def sweep(path: Floats, radii: Floats, across: Vector, around: int = 12, paint: float = 1.0) -> Mesh:
    """A tube of ellipses along a path (P, 3) in the plane that is square to ``across``.

    ``radii`` (P, 2) are those along ``across`` and square to it.
    """
    ahead = unit(np.gradient(path, axis=0))
    side = np.broadcast_to(unit(np.array(across, np.float64)), ahead.shape)
    up = unit(np.cross(ahead, side))
    angles = 2 * np.pi * np.arange(around) / around
    circle = np.cos(angles)[:, None, None] * side * radii[:, :1] + np.sin(angles)[:, None, None] * up * radii[:, 1:]
    return mesh_of_rings(path[:, None] + circle.transpose(1, 0, 2), paint)


def ellipsoid(radii: Vector, around: int = 24, paint: float = 1.0) -> Mesh:
    """An ellipsoid about the origin, with its exact normals."""
    polar = np.linspace(-np.pi / 2, np.pi / 2, around // 2 + 1)
    sphere = revolve(np.stack([np.cos(polar), np.sin(polar)], -1), around, paint)
    scale = np.array(radii)
    return replace(sphere, vertices=sphere.vertices * scale, normals=unit(sphere.vertices / scale))


def curve_through(points: Sequence[Sequence[float]], count: int) -> Floats:
    """So many points (count, D) on a smooth curve through those given (Catmull and Rom 1974)."""
    knots = np.array(points, np.float64)
    padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    place = np.linspace(0, len(knots) - 1, count)
    left = np.minimum(place.astype(np.int64), len(knots) - 2)
    t = (place - left)[:, None]
    p0, p1, p2, p3 = (padded[left + step] for step in range(4))
    curve: Floats = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * (p1 - p2) + p3 - p0) * t**3
    )
    return curve
