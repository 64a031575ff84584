"""Tiles of ETOPO 2022: the Earth's surface in cells of fifteen seconds of arc, a GeoTIFF for each fifteen degrees.

They are read by Pillow, which is here anyway and knows every compression that libtiff does. GDAL would bring
projections, which tiles of latitude and longitude do not need.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.runtime.errors import DatasetError
from workloads.super_resolution.datasets.regions import Fields

NAME = re.compile(r"ETOPO_2022_v1_15s_([NS])(\d{2})([EW])(\d{3})_surface\.tif")
"""The tile's northern edge and its western one, degrees."""
SIZE = 3600
"""Height and width of a tile."""
SPACING, CORNER = 33550, 33922
"""GeoTIFF's tags ModelPixelScaleTag (degrees across, down, up) and ModelTiepointTag (pixel, and what it is at)."""
LOWEST, HIGHEST = -12_000.0, 9_000.0
"""Between these is every height of the Earth, m: others say that there is none."""


@dataclass(frozen=True)
class Tile:
    """A tile's file, and where it is: its northern and western edge, degrees."""

    path: Path
    north: int
    west: int


def tiles_in(published: Path) -> list[Tile]:
    """The tiles in a folder, from north to south and west to east. Raises DatasetError where there is none."""
    found = []
    for path in published.glob("*.tif"):
        match = NAME.fullmatch(path.name)
        if match:
            latitude, longitude = int(match[2]), int(match[4])
            north, west = latitude if match[1] == "N" else -latitude, longitude if match[3] == "E" else -longitude
            found.append(Tile(path, north, west))
    if not found:
        raise DatasetError(f"{published} holds no tile ETOPO_2022_v1_15s_N90W180_surface.tif or of another place")
    return sorted(found, key=lambda tile: (-tile.north, tile.west))


def read_tile(tile: Tile) -> Fields:
    """Heights (3600, 3600), m, the northernmost first. Raises DatasetError."""
    from PIL import Image

    try:
        with Image.open(tile.path, formats=["TIFF"]) as opened:
            tags = dict(opened.tag_v2)  # type: ignore[attr-defined]
            heights = np.asarray(opened, np.float32)
    except (OSError, ValueError, SyntaxError, KeyError, TypeError, struct.error) as error:
        raise DatasetError(f"{tile.path} is not a whole tile: {error}; get it again") from error
    if heights.shape != (SIZE, SIZE):
        raise DatasetError(f"{tile.path} is of {heights.shape} cells; expected {SIZE} x {SIZE}")
    if not (heights.min() > LOWEST and heights.max() < HIGHEST):
        raise DatasetError(
            f"{tile.path} holds heights from {heights.min()} to {heights.max()} m; expected the Earth's, all known"
        )
    require_place(tile, tags)
    return heights


def require_place(tile: Tile, tags: dict[int, tuple[float, ...]]) -> None:
    """Raise DatasetError unless a tile lies where its name says."""
    corner, spacing = tags.get(CORNER, ()), tags.get(SPACING, ())
    expected = (tile.west, tile.north)
    # The first cell's corner, or its middle, half a cell from there.
    if len(corner) < 5 or len(spacing) < 2 or max(abs(corner[3] - expected[0]), abs(corner[4] - expected[1])) > 0.01:
        raise DatasetError(
            f"{tile.path}: its north-western corner is {tuple(corner[3:5]) or 'not said'} degrees east and north; "
            f"expected {expected}, as its name says"
        )


def tiles_of(published: Path, stripes: int, evaluated: tuple[int, ...], part: str) -> Iterator[Tile]:
    """A part's tiles: those in the ``evaluated`` ones of so many stripes of longitude from 180 degrees west on, or for
    training the others.
    """
    for tile in tiles_in(published):
        stripe = (tile.west + 180) * stripes // 360
        if (stripe in evaluated) == (part == "evaluation"):
            yield tile
