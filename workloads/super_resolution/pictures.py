"""Fine images beside what they were made of, and their spectra."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workloads.super_resolution.datasets.base import FieldsDescription
from workloads.super_resolution.scores import decibels, radial_spectrum, squared_sums

PICTURED = 3
"""Images in a picture, one a row."""
CLOSE = 0.995
"""Quantile of an error's size that its colours reach to."""


@dataclass(frozen=True)
class Views:
    """Images (n, 1, h, w), in the stored unit, coarse ones smaller; ``mask`` is 1 where there is a truth."""

    coarse: Tensor
    bicubic: Tensor
    made: Tensor
    fine: Tensor
    mask: Tensor


def draw_images(path: Path, views: Views, facts: FieldsDescription) -> None:
    """Write a PNG of the images, a row each. The images of a row share one scale of colours; errors have their own."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15.5, 2.9 * len(views.fine) + 0.4), layout="constrained")
    axes = figure.subplots(len(views.fine), 6, squeeze=False)
    figure.suptitle(
        f"{facts['set']} ({facts['made']}), {facts['degradation']} x{facts['scale']}; values in {facts['unit']}",
        fontsize=11,
    )
    for place, row in enumerate(axes):
        _draw_row(figure, row, views, place, facts)
        _draw_spectra(row[5], views, place)
    axes[0, 5].legend(fontsize=8)
    figure.savefig(path, dpi=90)


def _draw_row(figure: Any, row: Any, views: Views, place: int, facts: FieldsDescription) -> None:
    here = slice(place, place + 1)
    mask = views.mask[here]

    def values(images: Tensor, masked: bool = True) -> NDArray[np.float64]:
        field = facts["offset"] + facts["range"] * images[place, 0].double()
        return (torch.where(mask[0, 0] > 0, field, torch.nan) if masked else field).numpy()

    truth = values(views.fine)
    limits = {"vmin": float(np.nanmin(truth)), "vmax": float(np.nanmax(truth)), "cmap": "viridis"}
    row[0].imshow(values(views.coarse, masked=False), **limits)
    row[0].set_title("coarse", fontsize=9)
    for axes, name in zip(row[1:4], ("bicubic", "made", "fine"), strict=True):
        images: Tensor = getattr(views, name)
        drawn = axes.imshow(values(images), **limits)
        sums = squared_sums(images[here], views.fine[here], mask)[0]
        score = "" if name == "fine" else f", {float(decibels(sums[0] / sums[1])):.1f} dB"
        axes.set_title(name + score, fontsize=9)
    figure.colorbar(drawn, ax=row[3], shrink=0.8)
    error = values(views.made) - truth
    most = max(float(np.nanquantile(np.abs(error), CLOSE)), 1e-9)
    drawn = row[4].imshow(error, cmap="coolwarm", vmin=-most, vmax=most)
    row[4].set_title("made - fine", fontsize=9)
    figure.colorbar(drawn, ax=row[4], shrink=0.8)
    for axes in row[:5]:
        axes.set_axis_off()


def _draw_spectra(axes: Any, views: Views, place: int) -> None:
    here = slice(place, place + 1)
    for name, style in (("fine", "k-"), ("made", "C1-"), ("bicubic", "C0--")):
        images = torch.where(views.mask[here] > 0, getattr(views, name)[here], views.fine[here])
        power = radial_spectrum(images)[0, 1:].numpy()
        axes.loglog(np.arange(1, len(power) + 1), power, style, linewidth=1.2, label=name)
    axes.axvline(min(views.coarse.shape[-2:]) / 2, color="grey", linewidth=0.8, label="coarse grid's last")
    axes.minorticks_off()
    axes.set_title("power by waves an image", fontsize=9)
