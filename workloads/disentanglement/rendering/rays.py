"""Where rays meet simple bodies. Rays start at one point (3,) or each at its own (..., 3); directions are unit vectors,
(..., 3) or (3,); bodies stand upright. What is missed lies at infinity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workloads.disentanglement.rendering.mesh import Floats


@dataclass(frozen=True)
class Hits:
    """Where rays first meet a body: ``distance`` (...), infinite where they do not, and unit ``normal`` (..., 3)."""

    distance: Floats
    normal: Floats


def nearest_hits(hits: Sequence[Hits]) -> Hits:
    """The first hit of each ray on any of several bodies."""
    distance, normal = hits[0].distance, hits[0].normal
    for other in hits[1:]:
        closer = other.distance < distance
        distance = np.where(closer, other.distance, distance)
        normal = np.where(closer[..., None], other.normal, normal)
    return Hits(distance, normal)


def hit_plane(origin: Floats, directions: Floats, point: Floats, normal: Floats) -> Hits:
    """A plane through a point, met from the side to which its normal points."""
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = ((point - origin) * normal).sum(-1) / (directions * normal).sum(-1)
    facing = (directions * normal).sum(-1) < 0
    distance = np.where(facing & (distance > 0), distance, np.inf)
    return Hits(distance, np.broadcast_to(normal, (*distance.shape, 3)))


def hit_sphere(origin: Floats, directions: Floats, centre: Floats, radius: float) -> Hits:
    """A sphere, from outside."""
    offset = origin - centre
    half = (directions * offset).sum(-1)
    rest = half**2 - ((offset * offset).sum(-1) - radius**2)
    distance = -half - np.sqrt(np.maximum(rest, 0.0))
    distance = np.where((rest >= 0) & (distance > 0), distance, np.inf)
    return Hits(distance, (point_at(origin, directions, distance) - centre) / radius)


def hit_box(origin: Floats, directions: Floats, half: Floats, centre: Floats) -> Hits:
    """A box with sides along the axes, of half lengths ``half`` (3,), from outside (Kay and Kajiya 1986)."""
    with np.errstate(divide="ignore"):
        inverse = 1 / directions
    offset = centre - origin
    near = np.minimum((offset - half) * inverse, (offset + half) * inverse)
    far = np.maximum((offset - half) * inverse, (offset + half) * inverse)
    axis = near.argmax(-1)
    distance = near.max(-1)
    met = (distance <= far.min(-1)) & (distance > 0)
    normal = np.where(np.arange(3) == axis[..., None], -np.sign(directions), 0.0)
    return Hits(np.where(met, distance, np.inf), normal)


def hit_tube(origin: Floats, directions: Floats, radius: float, bottom: float, top: float) -> Hits:
    """The side of an upright cylinder about the z axis, without its ends, from outside."""
    flat, start = directions[..., :2], origin[..., :2]
    a, half = (flat * flat).sum(-1), (flat * start).sum(-1)
    rest = half**2 - a * ((start * start).sum(-1) - radius**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = (-half - np.sqrt(np.maximum(rest, 0.0))) / a
        height = origin[..., 2] + distance * directions[..., 2]
        met = (rest >= 0) & (distance > 0) & (height >= bottom) & (height <= top)
    distance = np.where(met, distance, np.inf)
    normal = point_at(origin, directions, distance) * np.array([1.0, 1.0, 0.0]) / radius
    return Hits(distance, normal)


def hit_disc(origin: Floats, directions: Floats, radius: float, height: float) -> Hits:
    """A level disc about the z axis, from above."""
    plane = hit_plane(origin, directions, np.array([0.0, 0.0, height]), np.array([0.0, 0.0, 1.0]))
    flat = point_at(origin, directions, plane.distance)[..., :2]
    return Hits(np.where((flat * flat).sum(-1) <= radius**2, plane.distance, np.inf), plane.normal)


def point_at(origin: Floats, directions: Floats, distance: Floats) -> Floats:
    """The points (..., 3) so far along the rays; the rays' start where they meet nothing."""
    points: Floats = origin + np.where(np.isfinite(distance), distance, 0.0)[..., None] * directions
    return points
