"""Where an image is seen from. The z axis points up; x to the right and y away from who stands at azimuth 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.disentanglement.rendering.mesh import Floats


@dataclass(frozen=True)
class Camera:
    """A pinhole that looks at the point ``target`` from ``distance`` away.

    ``azimuth`` turns it about the vertical and ``elevation`` lifts it, both in radians; ``view`` is the full angle that
    the image covers.
    """

    azimuth: float
    elevation: float
    distance: float
    view: float
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def axes(self) -> Floats:
        """Unit vectors (3, 3) to the right, up, and towards the camera."""
        sin_a, cos_a = np.sin(self.azimuth), np.cos(self.azimuth)
        sin_e, cos_e = np.sin(self.elevation), np.cos(self.elevation)
        return np.array(
            [[cos_a, sin_a, 0.0], [-sin_a * sin_e, cos_a * sin_e, cos_e], [sin_a * cos_e, -cos_a * cos_e, sin_e]]
        )

    @property
    def position(self) -> Floats:
        """Where the pinhole is, (3,)."""
        place: Floats = np.array(self.target) + self.distance * self.axes[2]
        return place

    def project(self, points: Floats, pixels: int) -> tuple[Floats, Floats, Floats]:
        """Column, row (from the image's upper left corner) and distance ahead of points (V, 3), each (V,)."""
        offset = points - self.position
        right, up, back = ((offset * axis).sum(-1) for axis in self.axes)
        scale = pixels / (2 * np.tan(self.view / 2)) / -back
        return pixels / 2 + right * scale, pixels / 2 - up * scale, -back

    def rays(self, pixels: int) -> Floats:
        """Unit directions (pixels, pixels, 3) through the centres of the pixels, by row and column."""
        centres = (np.arange(pixels) + 0.5) * 2 / pixels - 1
        across, up = np.meshgrid(centres, -centres)
        half = np.tan(self.view / 2)
        right_axis, up_axis, back_axis = self.axes
        ahead = (across * half)[..., None] * right_axis + (up * half)[..., None] * up_axis - back_axis
        directions: Floats = ahead / np.sqrt((ahead * ahead).sum(-1, keepdims=True))
        return directions
