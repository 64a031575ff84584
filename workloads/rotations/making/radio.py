"""Radio galaxies of both kinds of Fanaroff and Riley 1974 as a survey like FIRST sees them: jets, lobes, hot spots, a
beam and noise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float64]

PIXELS = 150
"""Height and width of an image, of 1.8 seconds of arc each."""
BEAM = 5.4 / 1.8 / 2.355
"""Standard deviation of FIRST's beam, pixels: 5.4 seconds of arc at half its height."""
CLIPPED = 3.0
"""Noise below so many times its deviation is set to zero, as the published images have it."""
KNOTS = 14
"""Pieces that each arm is drawn of."""


def draw_source(kind: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """One source (150, 150) at any angle: of ``kind`` 0 (FR I), bright in the middle, or 1 (FR II), at the edges."""
    length, turn = random.uniform(9, 32), random.uniform(0, 2 * np.pi)
    knots = [np.array([[0.0, 0.0, 0.7, random.uniform(0.6, 1.2) if kind == 0 else random.uniform(0, 0.25)]])]
    bend = random.normal(0, 0.25)
    for way in (1, -1):
        reach = length * random.uniform(0.75, 1.25)
        arm = (fading_jet if kind == 0 else lobe_with_hot_spot)(reach, random)
        # Both arms bend the same way: the source moves through the gas around it.
        arm[:, 1] += bend * arm[:, 0] ** 2 / length + random.normal(0, 0.05) * arm[:, 0]
        arm[:, 0] *= way
        knots.append(arm)
    along, across, width, flux = np.concatenate(knots).T
    column = (PIXELS - 1) / 2 + along * np.cos(turn) - across * np.sin(turn)
    row = (PIXELS - 1) / 2 - along * np.sin(turn) - across * np.cos(turn)
    image = add_blobs(row, column, np.hypot(width, BEAM), flux * width**2)
    noise = ndimage.gaussian_filter(random.normal(size=image.shape), BEAM)
    noise *= image.max() * random.uniform(0.004, 0.04) / noise.std()
    seen = image + noise
    seen[seen < CLIPPED * noise.std()] = 0
    levels: NDArray[np.uint8] = np.rint(255 * seen / seen.max()).astype(np.uint8)
    return levels


def fading_jet(reach: float, random: np.random.Generator) -> Floats:
    """An arm of an FR I, knots (n, 4): along, across, width, surface brightness. It widens and fades outwards."""
    along = np.linspace(1.0, reach, KNOTS)
    fade = random.uniform(0.25, 0.45) * reach
    brightness = random.uniform(0.5, 1.0) * np.exp(-along / fade) * random.uniform(0.7, 1.3, KNOTS)
    width = 1.0 + random.uniform(0.1, 0.22) * along
    return np.stack((along, random.normal(0, 0.08, KNOTS) * width, width, brightness), axis=1)


def lobe_with_hot_spot(reach: float, random: np.random.Generator) -> Floats:
    """An arm of an FR II, likewise: a hot spot at its end, and a lobe that flows back from there."""
    along = np.linspace(reach * random.uniform(0.35, 0.6), reach, KNOTS - 1)
    shape = (along - along[0]) / (reach - along[0])
    width = random.uniform(1.5, 3.0) * (1.1 - 0.6 * shape)
    brightness = random.uniform(0.15, 0.3) * (0.3 + 0.7 * shape) * random.uniform(0.7, 1.3, KNOTS - 1)
    lobe = np.stack((along, random.normal(0, 0.15, KNOTS - 1) * width, width, brightness), axis=1)
    hot_spot = np.array([[reach, random.normal(0, 0.6), random.uniform(0.8, 1.3), random.uniform(0.8, 2.0)]])
    return np.concatenate((lobe, hot_spot))


def add_blobs(row: Floats, column: Floats, width: Floats, flux: Floats) -> Floats:
    """An image of round Gaussians (n,), each a product of one along rows and one along columns."""
    place = np.arange(PIXELS)
    rows, columns = (np.exp(-((place - middle[:, None]) ** 2) / (2 * width[:, None] ** 2)) for middle in (row, column))
    image: Floats = (rows * (flux / width**2)[:, None]).T @ columns
    return image
