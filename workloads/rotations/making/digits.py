"""Digits as somebody writes them: strokes that are slanted, stretched and shaken, drawn with a pen of some width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BOX = 20.0
"""Height that a digit is fitted into, pixels, as in MNIST."""
POINTS = 16
"""Points of a curve."""


def arc(column: float, row: float, width: float, height: float, first: float, last: float) -> Floats:
    """Points (n, 2) of an ellipse about (column, row), from one angle to another, in degrees from the right
    downwards.
    """
    angles = np.radians(np.linspace(first, last, POINTS))
    return np.stack((column + width * np.cos(angles), row + height * np.sin(angles)), axis=1)


def line(*points: tuple[float, float]) -> Floats:
    """Points (n, 2) of straight strokes one after the other."""
    return np.array(points, float)


STROKES: tuple[tuple[Floats, ...], ...] = (
    (arc(0, 0, 0.6, 1, 0, 360),),
    (line((-0.3, -0.65), (0.05, -1), (0.05, 1)),),
    (arc(0, -0.5, 0.55, 0.5, 180, 400), line((0.42, -0.2), (-0.6, 1), (0.65, 1))),
    (arc(0, -0.5, 0.5, 0.5, 200, 450), arc(0, 0.5, 0.6, 0.5, 270, 510)),
    (line((0.3, 1), (0.3, -1), (-0.65, 0.35), (0.65, 0.35)),),
    (line((0.55, -1), (-0.45, -1), (-0.5, -0.15)), arc(0, 0.35, 0.6, 0.65, 225, 500)),
    (arc(0.75, 0.3, 1.25, 1.35, 250, 185), arc(0, 0.45, 0.52, 0.55, 180, 540)),
    (line((-0.6, -1), (0.6, -1), (-0.15, 1)),),
    (arc(0, -0.5, 0.45, 0.5, 90, 450), arc(0, 0.5, 0.58, 0.5, 270, 630)),
    (arc(0, -0.45, 0.52, 0.55, 0, 360), line((0.52, -0.45), (0.35, 1))),
)
"""The strokes of each digit, in a box from −1 to 1, rows downwards."""


def draw_digit(label: int, random: np.random.Generator, pixels: int) -> NDArray[np.uint8]:
    """One digit, white on black, in the middle."""
    slant, turn = random.normal(0, 0.18), random.normal(0, 0.1)
    stretch = random.uniform(0.75, 1.15)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shape = np.array([[stretch, slant], [0, 1]]) @ turned
    bends, phases = random.normal(0, 0.05, (2, 2)), random.uniform(0, 2 * np.pi, (2, 2))
    written = []
    for stroke in STROKES[label]:
        shaken = stroke + random.normal(0, 0.05, 2)
        # A slow wave over the whole digit bends what is straight.
        for wave, phase in zip(bends, phases, strict=True):
            shaken = shaken + wave * np.sin(2.2 * shaken[:, ::-1] + phase)
        written.append(shaken @ shape.T)
    low = np.min([stroke.min(0) for stroke in written], axis=0)
    high = np.max([stroke.max(0) for stroke in written], axis=0)
    scale = BOX * random.uniform(0.85, 1.0) / (high - low).max()
    middle = (low + high) / 2
    paths = [(stroke - middle) * scale + (pixels - 1) / 2 for stroke in written]
    return draw_paths(paths, random.uniform(0.9, 1.7), pixels)


def draw_paths(paths: list[Floats], radius: float, pixels: int) -> NDArray[np.uint8]:
    """Paths of points (n, 2) in pixels (column, row), drawn by a round pen whose edge is a pixel wide."""
    starts = np.concatenate([path[:-1] for path in paths])
    steps = np.concatenate([np.diff(path, axis=0) for path in paths])
    rows, columns = np.mgrid[:pixels, :pixels]
    offsets = np.stack((columns, rows), axis=-1).reshape(-1, 1, 2) - starts
    along = (offsets * steps).sum(-1) / np.maximum((steps**2).sum(-1), 1e-12)
    nearest = offsets - along.clip(0, 1)[..., None] * steps
    distance = np.sqrt((nearest**2).sum(-1)).min(1)
    levels: NDArray[np.uint8] = np.rint(255 * (radius + 0.5 - distance).clip(0, 1)).astype(np.uint8)
    return levels.reshape(pixels, pixels)
