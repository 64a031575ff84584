"""Pairs of clean and noisy micrographs: a weak phase object under an 80 kV microscope, and the camera's image of it.

The clean image follows linear imaging theory (Kirkland, Advanced Computing in Electron Microscopy, 2nd ed., sections
3.1 and 5.2). Noise is added as the page of the published data set describes: beam profile, Poisson noise, dead pixels.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workloads.micrographs.graphene import Points, draw_specimen

Image = NDArray[np.float32]

WAVELENGTH = 0.04176
"""Wavelength of electrons at 80 kV, Å."""
INTERACTION = 1.0087e-3
"""Phase by projected potential at 80 kV, rad/(V Å)."""
POTENTIAL = 47.878
"""h^2 / (2 pi m e): projected potential by scattering factor, V Å^2."""
CARBON = ((0.7307, 1.1951, 0.4563, 0.1247), (36.9951, 11.2966, 2.8139, 0.3456))
"""Electron scattering factor of carbon, a in Å and b in Å^2 (Doyle & Turner, Acta Cryst. A24 (1968) 390)."""
MARGIN = 32
"""Pixels around the image that are simulated and cut off: Fourier transforms are periodic, graphene is not."""
VACUUM, GAIN = 0.5, 2.0
"""A clean image is VACUUM + GAIN (intensity / intensity of vacuum - 1), clipped to 0 … 1."""


def clean_image(atoms: Points, pixels: int, pixel_size: float, defocus: float, spread: float) -> Image:
    """Return the image (pixels, pixels), 0 to 1, of atoms (n, 2) in Å around the origin.

    ``pixel_size``, ``defocus`` and the standard deviation of the defocus, ``spread``, are in Å.
    """
    side = pixels + 2 * MARGIN
    frequency = np.fft.fftfreq(side, pixel_size)
    squared = frequency[:, None] ** 2 + frequency[None, : side // 2 + 1] ** 2
    factor = sum(a * np.exp(-b * squared / 4) for a, b in zip(*CARBON, strict=True))
    phase = np.fft.rfft2(_deposited(atoms, side, pixel_size)) * (INTERACTION * POTENTIAL / pixel_size**2) * factor
    transfer = np.sin(np.pi * WAVELENGTH * defocus * squared)
    envelope = np.exp(-((np.pi * WAVELENGTH * spread * squared) ** 2) / 2)
    contrast = 2 * np.fft.irfft2(phase * transfer * envelope, (side, side))
    inner = contrast[MARGIN:-MARGIN, MARGIN:-MARGIN]
    return np.clip(VACUUM + GAIN * inner, 0, 1).astype(np.float32)


def _deposited(atoms: Points, side: int, pixel_size: float) -> NDArray[np.float64]:
    """Each atom shared among the four pixels around it."""
    place = atoms / pixel_size + (side - 1) / 2
    place = place[(place >= 0).all(axis=1) & (place < side - 1).all(axis=1)]
    corner = np.floor(place).astype(int)
    part = place - corner
    grid = np.zeros(side * side)
    for down in (0, 1):
        for across in (0, 1):
            weight = np.abs(1 - down - part[:, 0]) * np.abs(1 - across - part[:, 1])
            np.add.at(grid, (corner[:, 0] + down) * side + corner[:, 1] + across, weight)
    return grid.reshape(side, side)


def noisy_image(clean: Image, random: np.random.Generator) -> Image:
    """Return the camera's counts divided by the dose: 20 to 100 electrons per pixel where the beam is brightest.

    The beam is a Gaussian of varying centre and width. Up to 1 % of the pixels are dead and count nothing.
    """
    pixels = len(clean)
    centre, width = random.uniform(0.3, 0.7, 2) * pixels, random.uniform(0.5, 1.2) * pixels
    y, x = np.mgrid[:pixels, :pixels]
    profile = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * width**2))
    dose = random.uniform(20, 100)
    counts = random.poisson(dose * profile * clean).astype(np.float32)
    counts[random.random(clean.shape) < random.uniform(0, 0.01)] = 0
    return np.asarray(counts / np.float32(dose), dtype=np.float32)


def make_pair(key: tuple[int, ...], pixels: int) -> tuple[Image, Image]:
    """Return a noisy and a clean image (pixels, pixels), which depend on the key alone."""
    random = np.random.default_rng(key)
    pixel_size = random.uniform(0.12, 0.2)
    atoms = draw_specimen((pixels + 2 * MARGIN) * pixel_size, random)
    clean = clean_image(atoms, pixels, pixel_size, random.uniform(30, 80), random.uniform(5, 25))
    return noisy_image(clean, random), clean
