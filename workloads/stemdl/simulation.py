"""Convergent-beam diffraction stacks as a detector records them, and the samples of the stand-in data set.

Overlapping discs add as intensities, as in a position-averaged pattern. A stack is either *raw*, intensities
on 512 x 512 pixels as in the published files, or *processed*, evaluated directly on 128 x 128 pixels in the
logarithmic units of the published pre-processing. Both agree to a few grey levels; see
tests/workloads/stemdl.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workloads.stemdl.crystals import Crystal
from workloads.stemdl.diffraction import Microscope, Real, intensities, reflections, wavelength
from workloads.stemdl.formats import PROCESSED_PIXELS, RAW_PIXELS, log_scaled


@dataclass(frozen=True)
class View:
    """The view of the crystal: zone axis [uvw], thickness, tilt (x, y) and turn in the image plane."""

    zone: tuple[int, int, int]
    thickness: float
    tilt: tuple[float, float] = (0.0, 0.0)
    turn: float = 0.0


@dataclass(frozen=True)
class Spread:
    """The variation among samples of a material: thickness range in Å, standard deviation of a tilt in radians."""

    thickness: tuple[float, float] = (100.0, 300.0)
    tilt: float = 0.002


def symmetry_directions(space_group: int) -> tuple[tuple[int, int, int], ...]:
    """Return the three directions along which a space group's symmetry is stated [IT A, table 2.1.3.1]."""
    if space_group >= 195:
        return (0, 0, 1), (1, 1, 1), (1, -1, 0)
    if space_group >= 75:
        return (0, 0, 1), (1, 0, 0), (1, -1, 0)
    return (1, 0, 0), (0, 1, 0), (0, 0, 1)


def random_views(space_group: int, random: np.random.Generator, spread: Spread) -> tuple[View, ...]:
    """Draw three projections of one specimen: the same thickness, each with its own small tilt and any azimuth."""
    thickness = random.uniform(*spread.thickness)
    return tuple(
        View(
            zone=zone,
            thickness=thickness,
            tilt=tuple(random.normal(0.0, spread.tilt, size=2)),
            turn=random.uniform(0.0, 2 * np.pi),
        )
        for zone in symmetry_directions(space_group)
    )


def raw_stack(crystal: Crystal, views: tuple[View, ...], microscope: Microscope) -> NDArray[np.float32]:
    """Return intensities (3, 512, 512) relative to the undiffracted disc; 0 outside the discs."""
    return np.stack([_raw(*record_view(crystal, view, microscope, RAW_PIXELS)) for view in views])


def processed_stack(crystal: Crystal, views: tuple[View, ...], microscope: Microscope) -> NDArray[np.float32]:
    """Return the log-scaled stack (3, 128, 128), 0 to 255, computed directly rather than from 512 x 512 pixels."""
    return np.stack([_processed(*record_view(crystal, view, microscope, PROCESSED_PIXELS)) for view in views])


def _raw(intensity: Real, coverage: Real) -> NDArray[np.float32]:
    return (intensity * coverage).astype(np.float32)


def _processed(intensity: Real, coverage: Real) -> NDArray[np.float32]:
    # The published code takes the logarithm first and averages pixels then, so a pixel on the rim of a disc
    # holds the logarithm of the disc in proportion to the part covered.
    return (log_scaled(intensity) * coverage).astype(np.float32)


def record_view(crystal: Crystal, view: View, microscope: Microscope, pixels: int) -> tuple[Real, Real]:
    """Return the intensity inside the discs and the covered fraction of each pixel, both (pixels, pixels)."""
    pitch = 2 * microscope.reach / pixels
    half = int(np.ceil(microscope.convergence / pitch)) + 1
    line = np.arange(-half, half + 1) * pitch
    directions = np.stack(np.meshgrid(line, line, indexing="xy"), axis=-1).reshape(-1, 2)
    found = reflections(crystal, view.zone, microscope.reach + microscope.convergence, view.turn)
    incident = directions + np.asarray(view.tilt) / wavelength(microscope.energy)
    intensity, shown = intensities(crystal, found, incident, view.thickness, microscope)
    discs = intensity.reshape(len(shown), len(line), len(line))
    return _project(discs, found.place[shown], microscope, pixels)


def _project(discs: Real, centres: Real, microscope: Microscope, pixels: int) -> tuple[Real, Real]:
    """Place discs (n, side, side), sampled a pixel apart, around centres (n, 2), with bilinear interpolation."""
    pitch, side = 2 * microscope.reach / pixels, discs.shape[-1]
    position = centres / pitch + (pixels - 1) / 2
    corner = np.floor(position).astype(int)
    part = position - corner
    # Pixel `corner + j` sees direction j - part (in pixels): between samples j - 1 and j of the disc.
    across, down = part[:, 0, None, None], part[:, 1, None, None]
    rows = discs[:, :-1] * down + discs[:, 1:] * (1 - down)
    values = rows[:, :, :-1] * across + rows[:, :, 1:] * (1 - across)
    offset = np.arange(1, side) - side // 2
    x = offset[None, :] - part[:, 0, None]
    y = offset[None, :] - part[:, 1, None]
    rim = microscope.convergence / pitch - np.hypot(y[:, :, None], x[:, None, :])
    cover = np.clip(rim + 0.5, 0, 1)
    column = corner[:, 0, None] + offset
    row = corner[:, 1, None] + offset
    on = (row >= 0)[:, :, None] & (row < pixels)[:, :, None] & ((column >= 0) & (column < pixels))[:, None, :]
    on &= cover > 0
    flat = (row[:, :, None] * pixels + column[:, None, :])[on]
    intensity = np.zeros(pixels * pixels)
    np.add.at(intensity, flat, values[on])
    coverage = np.zeros(pixels * pixels)
    np.maximum.at(coverage, flat, cover[on])
    return intensity.reshape(pixels, pixels), coverage.reshape(pixels, pixels)
