"""sprites: characters of a computer game in action (Li and Mandt, ICML 2018; YingzhenLi/Sprites).

What is published are sheets of 64 × 64 pictures and the scripts that lay clothes over bodies; that rule is followed
exactly. The sheets are under CC-BY-SA 3.0 and GPL 3.0 and are not kept here: without them, sheets of the same layout
are drawn, of other figures (see sheets.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from workloads.disentanglement.datasets import sheets
from workloads.disentanglement.datasets.base import FactorDataset, PublishedImages, channels_first
from workloads.disentanglement.datasets.factors import Classes
from workloads.disentanglement.datasets.layouts import require_file
from workloads.disentanglement.datasets.sheets import CELL, COLUMNS, LAYERS, ROWS
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

VARIANTS = 6
SHOES = ("shoes", 1)
"""All characters wear the same."""
FRAMES = {"walk": (8, 1, 2, 3, 4, 5, 6, 7), "spellcard": (0, 1, 2, 3, 4, 5, 4, 6), "slash": (0, 1, 2, 3, 4, 5, 4, 0)}
"""An action's eight frames by their column in the sheet: the published scripts repeat some."""
ACTIONS = tuple((action, direction) for action in FRAMES for direction in ("front", "left", "right"))
"""In the published order of labels."""


class SpritesDataset(FactorDataset):
    """Images (3, 64, 64) with the factors body, bottomwear, topwear, hair, action (of a direction) and frame."""

    SET = "sprites"
    SHAPE = (3, CELL, CELL)
    FACTORS: ClassVar[Mapping[str, int]] = {
        **dict.fromkeys(LAYERS, VARIANTS),
        "action": len(ACTIONS),
        "frame": 8,
    }
    PRESETS: ClassVar[Mapping[str, Mapping[str, int]]] = {
        "tiny": {**dict.fromkeys(LAYERS, 3), "action": 4, "frame": 4},
        "small": {"body": 2, "bottomwear": 2, "topwear": 2, "frame": 4},
        "full": {},
    }
    MADE = "rendered"
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "lpc": Published(
            "disentanglement/sprites", 607_000, "sheets of 1,296 characters, CC-BY-SA 3.0 and GPL 3.0",
            page="github.com/YingzhenLi/Sprites",
        )
    }  # fmt: skip

    @property
    def worn(self) -> list[list[int]]:
        """The variants of each of LAYERS that occur."""
        return [np.unique(column).tolist() for column in self.grid.published_classes[:, : len(LAYERS)].T]

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Sheets of our own figures, those that the characters wear."""
        worn = [(layer, variant) for layer, variants in zip(LAYERS, self.worn, strict=True) for variant in variants]
        for done, (layer, variant) in enumerate([*worn, SHOES], start=1):
            (published / layer).mkdir(exist_ok=True)
            sheets.draw_sheet(layer, variant).save(sheet_path(published, layer, variant))
            progress(done * self.images // (len(worn) + 1), self.images)

    def read_published(self, published: Path) -> PublishedImages:
        """Characters put together of the sheets, frame by frame."""
        strips = {
            (layer, variant): read_strip(sheet_path(published, layer, variant))
            for layer, variants in zip(LAYERS, self.worn, strict=True)
            for variant in variants
        }
        shoes = read_strip(sheet_path(published, *SHOES))
        return PublishedImages(self.grid.classes, compose_characters(strips, shoes, self.grid.published_classes))


def sheet_path(published: Path, layer: str, variant: int) -> Path:
    """Where a sheet is."""
    return published / layer / f"{variant}.png"


def compose_characters(
    strips: Mapping[tuple[str, int], Image.Image], shoes: Image.Image, classes: Classes
) -> Iterator[NDArray[np.uint8]]:
    """The images (m, 3, 64, 64) of published classes (n, 6), a character at a time: body, trousers, top, hair and shoes
    over each other, on black.
    """
    characters = classes[:, : len(LAYERS)]
    firsts = np.flatnonzero(np.r_[True, (np.diff(characters, axis=0) != 0).any(axis=1)])
    for first, last in zip(firsts, [*firsts[1:], len(classes)], strict=True):
        picture = Image.new("RGBA", shoes.size, "black")
        for layer, variant in zip(LAYERS, characters[first].tolist(), strict=True):
            picture = Image.alpha_composite(picture, strips[layer, variant])
        picture = Image.alpha_composite(picture, shoes)
        cells = np.asarray(picture)[..., :3].reshape(CELL, -1, CELL, 3).transpose(1, 0, 2, 3)
        action, frame = classes[first:last, len(LAYERS) :].T
        yield channels_first(cells[action * 8 + frame])


def read_strip(path: Path) -> Image.Image:
    """The cells of all actions' frames in a sheet side by side, action by action. Raises DatasetError."""
    require_file(path, "a sheet of sprites")
    try:
        with Image.open(path) as opened:
            sheet = opened.convert("RGBA")
    except (OSError, ValueError) as error:
        size = path.stat().st_size
        raise DatasetError(f"{path} ({size} bytes) is not a whole image: {error}; copy it again") from error
    wide, high = COLUMNS * CELL, sheets.SHEET_ROWS * CELL
    if sheet.size != (wide, high):
        raise DatasetError(f"{path} is of {sheet.width} x {sheet.height} pixels; expected {wide} x {high}")
    strip = Image.new("RGBA", (len(cells()) * CELL, CELL))
    for number, (row, column) in enumerate(cells()):
        left, top = column * CELL, row * CELL
        strip.paste(sheet.crop((left, top, left + CELL, top + CELL)), (number * CELL, 0))
    return strip


@cache
def cells() -> list[tuple[int, int]]:
    """Row and column in a sheet of each action's frames."""
    return [(ROWS[action, direction], column) for action, direction in ACTIONS for column in FRAMES[action]]
