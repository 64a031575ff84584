"""Pictures of diffraction stacks, with their true and predicted space groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PICTURED = 6
"""Stacks in a picture."""
ACROSS = 2
"""Stacks side by side."""


def draw_stacks(
    path: Path, stacks: NDArray[np.float32], truths: NDArray[np.int64], probabilities: NDArray[np.floating]
) -> None:
    """Write a PNG of stacks (n, 3, h, w), 0 to 255, true space groups (n,) and predicted probabilities (n, 231)."""
    from matplotlib.figure import Figure

    down = -(-len(stacks) // ACROSS)
    figure = Figure(figsize=(5.2 * ACROSS, 2.2 * down), layout="constrained")
    panels: Any = figure.subfigures(down, ACROSS, squeeze=False).ravel()
    for panel, stack, truth, row in zip(panels, stacks, truths, probabilities, strict=False):
        best = int(row.argmax())
        right = best == truth
        panel.suptitle(
            f"{'right' if right else 'wrong'}: true {space_group_text(int(truth))}, "
            f"predicted {space_group_text(best)} at {row[best]:.0%}",
            fontsize=9,
            color="black" if right else "firebrick",
        )
        for axes, image in zip(panel.subplots(1, len(stack)), stack, strict=True):
            axes.imshow(image, cmap="viridis", vmin=0, vmax=255)
            axes.set_axis_off()
    figure.savefig(path, dpi=110)


def space_group_text(number: int) -> str:
    """Return number and Hermann-Mauguin symbol, as "225 (F m -3 m)"; the number alone if there is no such group."""
    import gemmi

    group = gemmi.find_spacegroup_by_number(number)
    return f"{number} ({group.hm})" if group else str(number)
