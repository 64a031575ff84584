"""Sheets of sprites in the layout of the Liberated Pixel Cup, of figures of our own.

A sheet has 21 rows of up to 13 cells, each a picture of 64 × 64 pixels of one layer: a body, or what it wears.
Only the rows that the data set takes are drawn; the others are empty.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image, ImageDraw

from workloads.disentanglement.rendering.mesh import Floats
from workloads.disentanglement.rendering.shading import tinted

CELL, COLUMNS, SHEET_ROWS = 64, 13, 21
LAYERS = ("body", "bottomwear", "topwear", "hair")
ROWS = {
    ("spellcard", "left"): 1, ("spellcard", "front"): 2, ("spellcard", "right"): 3,
    ("walk", "left"): 9, ("walk", "front"): 10, ("walk", "right"): 11,
    ("slash", "left"): 13, ("slash", "front"): 14, ("slash", "right"): 15,
}  # fmt: skip
"""The row of each action and direction."""
LENGTHS = {"spellcard": 7, "walk": 9, "slash": 6}
"""How many cells of a row are filled."""
Point = tuple[float, float]
Colour = tuple[int, int, int, int]
SKINS: tuple[Colour, ...] = (
    (244, 208, 172, 255), (226, 178, 134, 255), (198, 142, 98, 255), (150, 100, 66, 255), (104, 70, 48, 255),
    (140, 176, 104, 255),
)  # fmt: skip
SHIRTS = (0.0, 0.11, 0.3, 0.55, 0.66, 0.83)
TROUSERS = (0.6, 0.08, 0.95, 0.42, 0.75, 0.17)
HAIRS = (0.09, 0.0, 0.14, 0.62, 0.32, 0.9)
"""Hues of what a figure wears, by the variant."""
SHOE: Colour = (70, 46, 36, 255)
EYE: Colour = (30, 30, 50, 255)


@dataclass(frozen=True)
class Pose:
    """Joints of a figure, pixels from the upper left corner of its cell. ``facing`` is -1 (left), 0 or 1."""

    facing: int
    hip: tuple[Point, Point]
    foot: tuple[Point, Point]
    shoulder: tuple[Point, Point]
    hand: tuple[Point, Point]


def draw_sheet(layer: str, variant: int) -> Image.Image:
    """A sheet of one layer: a body of some skin, or clothes of some colour and cut; RGBA."""
    sheet = Image.new("RGBA", (COLUMNS * CELL, SHEET_ROWS * CELL))
    for (action, direction), row in ROWS.items():
        for column in range(LENGTHS[action]):
            cell = Image.new("RGBA", (CELL, CELL))
            LAYER_PAINTERS[layer](ImageDraw.Draw(cell), pose_of(action, direction, column), variant)
            sheet.paste(cell, (column * CELL, row * CELL))
    return sheet


def pose_of(action: str, direction: str, column: int) -> Pose:
    """How a figure stands in a cell: legs swing as it walks, arms rise as it casts a spell, one arm swings a sword."""
    facing = {"left": -1, "front": 0, "right": 1}[direction]
    step = math.sin(2 * math.pi * (column - 1) / 8) if action == "walk" and column else 0.0
    wide = 3.0 if facing else 5.0
    hip: tuple[Point, Point] = ((32 - wide / 2, 46), (32 + wide / 2, 46))
    foot: tuple[Point, Point]
    if facing:
        foot = ((32 - wide / 2 + 7 * step, 59 - 2 * abs(step)), (32 + wide / 2 - 7 * step, 59))
    else:
        foot = ((32 - wide / 2, 59 - 5 * max(step, 0)), (32 + wide / 2, 59 - 5 * max(-step, 0)))
    shoulder = ((32 - wide - 1, 33), (32 + wide + 1, 33))
    # Angles of both arms from hanging down, outwards.
    lift = column / (LENGTHS[action] - 1)
    if action == "spellcard":
        angles = (2.4 * math.sin(math.pi * lift * 0.7), 2.4 * math.sin(math.pi * lift * 0.7))
    elif action == "slash":
        angles = (0.2, 0.2 + 2.2 * lift)
    else:
        angles = (0.25 - 0.5 * step, 0.25 + 0.5 * step) if facing else (0.25, 0.25)
    outwards = (facing, facing) if facing and action != "walk" else (-1, 1)
    hand = tuple(
        (place[0] + side * 13 * math.sin(angle), place[1] + 13 * math.cos(angle))
        for place, side, angle in zip(shoulder, outwards, angles, strict=True)
    )
    return Pose(facing, hip, foot, shoulder, (hand[0], hand[1]))


def shade(colour: Colour, share: float) -> Colour:
    """The colour, darker."""
    red, green, blue = (round(share * value) for value in colour[:3])
    return red, green, blue, colour[3]


def hue_colour(hue: float, saturation: float, value: float) -> Colour:
    """A colour of HSV."""
    colour: Floats = tinted(hue, saturation, value)
    red, green, blue = (round(255 * float(channel)) for channel in colour)
    return red, green, blue, 255


def limb(draw: ImageDraw.ImageDraw, start: Point, end: Point, width: int, colour: Colour) -> None:
    """A thick line with a darker rim."""
    draw.line([start, end], shade(colour, 0.55), width + 2)
    draw.line([start, end], colour, width)


def box_about(centre: Point, across: float, down: float) -> list[Point]:
    """Corners of a box about a point, of those half sides."""
    return [(centre[0] - across, centre[1] - down), (centre[0] + across, centre[1] + down)]


def paint_body(draw: ImageDraw.ImageDraw, pose: Pose, variant: int) -> None:
    """Skin: legs, trunk, arms, head and eyes."""
    skin = SKINS[variant]
    for hip, foot in zip(pose.hip, pose.foot, strict=True):
        limb(draw, hip, foot, 4, skin)
    half = 5 if pose.facing else 7
    draw.rectangle(box_about((32, 39), half, 8), skin, shade(skin, 0.55))
    for shoulder, hand in zip(pose.shoulder, pose.hand, strict=True):
        limb(draw, shoulder, hand, 3, skin)
    draw.ellipse(box_about((32, 22), 9, 9.5), skin, shade(skin, 0.55))
    for eye in (-4, 4) if not pose.facing else (5 * pose.facing,):
        draw.rectangle(box_about((32 + eye, 23), 1, 1.5), EYE)


def paint_bottomwear(draw: ImageDraw.ImageDraw, pose: Pose, variant: int) -> None:
    """Trousers, shorts, or a skirt."""
    colour = hue_colour(TROUSERS[variant], 0.6, 0.65)
    if variant % 3 == 2:
        draw.polygon([(25, 44), (39, 44), (42, 54), (22, 54)], colour, shade(colour, 0.55))
        return
    long = 0.8 if variant % 3 == 0 else 0.45
    for hip, foot in zip(pose.hip, pose.foot, strict=True):
        limb(draw, hip, (hip[0] + long * (foot[0] - hip[0]), hip[1] + long * (foot[1] - hip[1])), 5, colour)
    draw.rectangle(box_about((32, 45.5), 5 if pose.facing else 7, 2), colour)


def paint_topwear(draw: ImageDraw.ImageDraw, pose: Pose, variant: int) -> None:
    """A shirt with short or long sleeves, or a vest."""
    colour = hue_colour(SHIRTS[variant], 0.7, 0.8)
    draw.rectangle(box_about((32, 38), 5 if pose.facing else 7, 7), colour, shade(colour, 0.55))
    sleeve = (0.85, 0.4, 0.0)[variant % 3]
    for shoulder, hand in zip(pose.shoulder, pose.hand, strict=True):
        if sleeve:
            end = (shoulder[0] + sleeve * (hand[0] - shoulder[0]), shoulder[1] + sleeve * (hand[1] - shoulder[1]))
            limb(draw, shoulder, end, 4, colour)


def paint_hair(draw: ImageDraw.ImageDraw, pose: Pose, variant: int) -> None:
    """Hair: a cap of it, longer or with a tuft by the variant."""
    colour = hue_colour(HAIRS[variant], 0.65, 0.55 + 0.06 * variant)
    back = 32 - 2 * pose.facing
    draw.pieslice(box_about((back, 20), 10.5, 10.5), 180 - 12 * (variant % 3), 360 + 12 * (variant % 3), colour)
    if variant % 2:
        for side in (-1, 1) if not pose.facing else (-pose.facing,):
            draw.rectangle(box_about((32 + 9 * side, 24 + variant), 2, 5 + variant), colour)
    if variant >= 3:
        draw.polygon([(back - 4, 12), (back, 3), (back + 4, 12)], colour)


def paint_shoes(draw: ImageDraw.ImageDraw, pose: Pose, variant: int) -> None:
    """Shoes."""
    for foot in pose.foot:
        draw.ellipse(box_about((foot[0] + 2 * pose.facing, foot[1]), 4, 2.5), SHOE, shade(SHOE, 0.55))


LAYER_PAINTERS = {
    "body": paint_body,
    "bottomwear": paint_bottomwear,
    "topwear": paint_topwear,
    "hair": paint_hair,
    "shoes": paint_shoes,
}
