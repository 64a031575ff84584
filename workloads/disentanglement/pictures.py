"""Draws what codes hold: reconstructions, traversals, the information of codes on factors, and the scores' parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

PICTURED = 10
"""Images with their reconstructions."""
STEPS = 9
"""Values of a code along its traversal."""
SPAN = (0.02, 0.98)
"""Quantiles of a code over all samples that its traversal goes from and to."""
CURVES = ("dcimig", "jemmig", "mig", "sap", "modularity", "explicitness", "z_diff", "z_min_var")
"""Scores that are drawn over training, from 0 to 1."""

Images = NDArray[np.floating]
"""Grey or coloured images (n, 1 or 3, h, w), 0 to 1."""


@dataclass(frozen=True)
class Views:
    """What is drawn of one model.

    ``images`` and ``reconstructions`` (n, c, h, w); ``traversals`` (d, STEPS, c, h, w), a row for each code; ``mutual``
    (k, d), the bits that each code tells of each of the ``factors``; ``history``: seconds of training and the scores of
    each evaluation.
    """

    images: Images
    reconstructions: Images
    traversals: NDArray[np.floating]
    mutual: NDArray[np.floating]
    factors: Sequence[str]
    history: Sequence[tuple[float, dict[str, float]]]


def traversals_of(codes: NDArray[np.floating], start: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return codes (d, STEPS, d): each row moves one code through most of its range among ``codes`` (n, d), the others
    stay at ``start`` (d,).
    """
    low, high = np.quantile(codes, SPAN, axis=0)
    count = codes.shape[1]
    moved = np.tile(np.asarray(start, np.float32), (count, STEPS, 1))
    moved[np.arange(count), :, np.arange(count)] = np.linspace(low, high, STEPS).T
    return moved


def draw_codes(path: Path, views: Views) -> None:
    """Write a PNG of all four views. Codes are in the order of what they tell at most, the most first."""
    from matplotlib.figure import Figure

    order = np.argsort(-views.mutual.max(axis=0), kind="stable")
    codes = len(order)
    figure = Figure(figsize=(15, 2.8 + 0.75 * max(codes, 4)), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1.15, 1))[0]
    above, below = left.subfigures(2, 1, height_ratios=(2, 0.75 * max(codes, 4) + 0.4))
    _draw_reconstructions(above, views)
    _draw_traversals(below, views, order)
    upper, lower = right.subfigures(2, 1, height_ratios=(0.8 + 0.3 * len(views.factors), 3.2))
    _draw_information(upper, views, order)
    _draw_history(lower, views.history)
    figure.savefig(path, dpi=90)


def _draw_reconstructions(panel: Any, views: Views) -> None:
    axes = panel.subplots()
    axes.set_title("images, and what comes out of their codes", fontsize=10)
    _show(axes, np.stack((views.images, views.reconstructions)))


def _draw_traversals(panel: Any, views: Views, order: NDArray[np.int64]) -> None:
    axes = panel.subplots()
    low, high = (f"{100 * quantile:.0f} %" for quantile in SPAN)
    axes.set_title(f"one code moves from its {low} to its {high} quantile, the others stay", fontsize=10)
    places = _show(axes, views.traversals[order])
    axes.set_yticks(places, [f"z{code}" for code in order], fontsize=9)


def _draw_information(panel: Any, views: Views, order: NDArray[np.int64]) -> None:
    axes = panel.subplots()
    axes.set_title("what codes tell of factors, bits", fontsize=10)
    mutual = views.mutual[:, order]
    drawn = axes.imshow(mutual, cmap="viridis", vmin=0, vmax=max(float(mutual.max()), 0.1), aspect="auto")
    for (row, column), bits in np.ndenumerate(mutual):
        colour = "black" if bits > 0.6 * float(mutual.max()) else "white"
        axes.text(column, row, f"{bits:.2f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(order)), [f"z{code}" for code in order], fontsize=9)
    axes.set_yticks(range(len(views.factors)), views.factors, fontsize=9)
    panel.colorbar(drawn, ax=axes)


def _draw_history(panel: Any, history: Sequence[tuple[float, dict[str, float]]]) -> None:
    axes = panel.subplots()
    axes.set_title("scores over training, 1 is best", fontsize=10)
    axes.set_xlabel("training time, s", fontsize=9)
    axes.set_ylim(-0.03, 1.03)
    axes.grid(alpha=0.3)
    seconds = [at for at, _ in history]
    for name in CURVES:
        values = [scores.get(name, float("nan")) for _, scores in history]
        if np.isfinite(values).any():
            thick = name in CURVES[:2]
            axes.plot(seconds, values, marker="o", markersize=3, linewidth=2.2 if thick else 1.1, label=name)
    if axes.lines:
        axes.legend(fontsize=8, ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.13), frameon=False)
    else:
        axes.text(0.5, 0.5, "no evaluation while training", ha="center", va="center", transform=axes.transAxes)


def _show(axes: Any, images: Images) -> NDArray[np.float64]:
    """Draw images (rows, columns, c, h, w) as one, a gap between them; returns the middles of the rows."""
    rows, columns, _, height, width = images.shape
    gap = max(2, width // 16)
    whole = np.ones((rows, height + gap, columns, width + gap, 3), np.float32)
    whole[:, :height, :, :width] = images.clip(0, 1).transpose(0, 3, 1, 4, 2)
    axes.imshow(whole.reshape(rows * (height + gap), columns * (width + gap), 3)[:-gap, :-gap])
    axes.set_xticks([])
    axes.set_yticks([])
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    middles: NDArray[np.float64] = (height + gap) * np.arange(rows) + height / 2
    return middles
