"""Images beside their reconstructions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

PICTURED = 8
"""Images in a picture."""


def draw_reconstructions(path: Path, images: NDArray[np.float32], reconstructions: NDArray[np.float32]) -> None:
    """Write a PNG of images (n, c, h, w) in [0, 1] above what comes out of their codes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.3 * len(images), 2.8), layout="constrained")
    axes = figure.subplots(2, len(images), squeeze=False)
    for row, shown in zip(axes, (images, reconstructions), strict=True):
        for one, image in zip(row, shown, strict=True):
            one.imshow(image.transpose(1, 2, 0).squeeze(), cmap="gray", vmin=0, vmax=1)
            one.set_axis_off()
    figure.savefig(path, dpi=110)
