"""Denoised micrographs beside their inputs and their truths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PICTURED = 4
"""Images in a picture, one per row."""


def draw_images(
    path: Path,
    noisy: NDArray[np.float32],
    denoised: NDArray[np.float32],
    clean: NDArray[np.float32],
    data_range: float,
) -> None:
    """Write a PNG of images (n, 1, h, w). The images of a row share one grey scale; the error has its own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 2.6 * len(noisy)), layout="constrained")
    axes = figure.subplots(len(noisy), 4, squeeze=False)
    for row, images in zip(axes, zip(noisy, denoised, clean, strict=True), strict=True):
        low, high = float(images[2].min()), float(images[2].max())
        for column, (name, image) in enumerate(zip(("noisy", "denoised", "clean"), images, strict=True)):
            mse = max(float(np.mean((image - images[2]) ** 2)), 1e-12)
            score = "" if name == "clean" else f", {10 * np.log10(data_range**2 / mse):.1f} dB"
            row[column].imshow(image[0], cmap="gray", vmin=low, vmax=high)
            row[column].set_title(name + score, fontsize=9)
        row[3].imshow(np.abs(images[1] - images[2])[0], cmap="magma", vmin=0, vmax=0.1 * data_range)
        row[3].set_title(f"error, black 0 to white {0.1 * data_range:.3g}", fontsize=9)
        for one in row:
            one.set_axis_off()
    figure.savefig(path, dpi=110)
