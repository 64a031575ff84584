"""Numbers that describe an image and stay when it is turned: waves around rings, and Minkowski
functionals.

Of the waves around each ring these are the amplitudes, the relative phases from one ring to the next, and the
bispectrum. Area, perimeter and Euler number above thresholds are among what Lines, Font-Quer Roset and Scaife (arXiv
2406.09024) use on radio galaxies. Quarters change none of them; between the quarters an image is interpolated.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor
from torch.nn import functional

THRESHOLDS = (0.1, 0.25, 0.5, 0.75)
"""Parts of an image's largest value, above which it is measured."""
FAINT = 1e-6
"""Added under roots, whose slope at 0 is infinite."""


def invariant_features(images: Tensor, rings: int, frequencies: int) -> Tensor:
    """Features (n, k) of square images (n, c, h, w) in [0, 1]: of so many rings, with frequencies below that number."""
    each = [*harmonic_features(images.float(), rings, frequencies), *minkowski_features(images.float())]
    return torch.cat([part.flatten(1) for part in each], dim=1)


def harmonic_features(images: Tensor, rings: int, frequencies: int) -> list[Tensor]:
    """What stays of a ring's complex amplitudes a(f) when all are multiplied by exp(ifα)."""
    basis = ring_harmonics(images.shape[-1], rings, frequencies, images.device)
    found = torch.view_as_complex((images.flatten(2) @ basis.flatten(1).T).unflatten(2, (rings, frequencies, 2)))
    steps = root(found[:, :, 1:, 1:] * found[:, :, :-1, 1:].conj(), 1 / 2)
    pairs = [(low, high) for low in range(1, frequencies) for high in range(low, frequencies - low)]
    triples = [root(found[..., low] * found[..., high] * found[..., low + high].conj(), 2 / 3) for low, high in pairs]
    parts = [steps, *triples]
    return [found.abs(), *(torch.view_as_real(part) for part in parts)]


def root(products: Tensor, power: float) -> Tensor:
    """Complex products with the amplitude of one factor: divided by that power of their own."""
    return products / (products.abs() + FAINT) ** power


@functools.cache
def ring_harmonics(pixels: int, rings: int, frequencies: int, device: torch.device) -> Tensor:
    """Weights (rings · frequencies · 2, h · w) of each ring's cosines and sines: Gaussian across, of sum 1."""
    with torch.inference_mode(False):
        place = torch.arange(pixels, dtype=torch.float64) - (pixels - 1) / 2
        column, row = place[None, :].expand(pixels, pixels), -place[:, None].expand(pixels, pixels)
        radius, theta = torch.hypot(column, row), torch.atan2(row, column)
        width = pixels / 2 / rings
        weights = []
        for ring in range(rings):
            across = torch.exp(-((radius - (ring + 0.5) * width) ** 2) / (2 * (width / 2) ** 2))
            across = across / across.sum()
            for frequency in range(frequencies):
                weights += [across * (frequency * theta).cos(), -across * (frequency * theta).sin()]
        return torch.stack(weights).reshape(rings * frequencies * 2, -1).float().to(device)


def minkowski_features(images: Tensor) -> list[Tensor]:
    """Area, perimeter and Euler number of what is brighter than each threshold, each (n, c), area and Euler number as
    roots and lengths in parts of the image's side: pixels are squares with their edges and corners.
    """
    pixels = images.shape[-1]
    brightest = images.amax((2, 3), keepdim=True)
    found = []
    for threshold in THRESHOLDS:
        framed = functional.pad((images > threshold * brightest).float(), (1, 1, 1, 1))
        faces = framed.sum((2, 3))
        edges = sum(functional.max_pool2d(framed, shape, stride=1).sum((2, 3)) for shape in ((1, 2), (2, 1)))
        corners = functional.max_pool2d(framed, 2, stride=1).sum((2, 3))
        perimeter = 2 * edges - 4 * faces
        euler = corners - edges + faces
        found += [faces.sqrt() / pixels, perimeter / (math.pi * pixels), euler.sign() * euler.abs().sqrt()]
    return found
