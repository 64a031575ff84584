"""What is true, what a surrogate makes of it, and what is between both: of fields, with spectra, and of energies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from workloads.surrogates.datasets.pairs import PairsDescription
from workloads.surrogates.scores import channel_errors, mean_spectrum, relative_l2

PICTURED = 3
"""Samples in a picture, one a row."""
MARKED = 1000
"""Numbers in a picture, at most."""


@dataclass(frozen=True)
class Views:
    """Inputs, what was made of them, and truths: (n, c, *points). Of several channels the last one is shown, which
    of frames is the latest. Inputs may be numbers (n, k).
    """

    inputs: Tensor
    made: Tensor
    truth: Tensor


def draw_fields(path: Path, views: Views, facts: PairsDescription) -> None:
    """Write a PNG, a sample a row. Truth and surrogate share one scale of colours; errors have their own."""
    from matplotlib.figure import Figure

    rows = len(views.truth)
    figure = Figure(figsize=(15.5, 2.9 * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, 5, squeeze=False)
    points = " x ".join(map(str, facts["target_shape"][1:]))
    shown = f", frame {facts['rolls']} of {facts['rolls']}" if facts["rolls"] else ""
    figure.suptitle(f"{facts['set']} ({facts['made']}), {points} points{shown}", fontsize=11)
    draw_row = _draw_lines if views.truth.ndim == 3 else _draw_maps
    for place, row in enumerate(axes):
        draw_row(figure, row, views, place)
        _draw_last(row[4], views, place, facts["rolls"])
    figure.savefig(path, dpi=90)


def _titled(axes: Any, title: str) -> None:
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=7)
    axes.yaxis.get_offset_text().set_fontsize(7)


def _error_of(views: Views, place: int) -> str:
    here = slice(place, place + 1)
    return f"surrogate, relative L2 {float(relative_l2(views.made[here], views.truth[here])[0]):.3g}"


def _draw_maps(figure: Any, row: Any, views: Views, place: int) -> None:
    """A field's first axis runs to the right. Of what numbers lead to it is the energy, and runs up."""
    numbers = views.inputs.ndim == 2
    truth, made = (
        fields[place, -1].numpy() if numbers else fields[place, -1].numpy().T for fields in (views.truth, views.made)
    )
    limits = {"vmin": float(truth.min()), "vmax": float(truth.max()), "cmap": "viridis", "origin": "lower"}
    if numbers:
        row[0].bar(np.arange(1, views.inputs.shape[1] + 1), views.inputs[place].numpy())
        row[0].xaxis.get_major_locator().set_params(integer=True)
    else:
        row[0].imshow(views.inputs[place, -1].numpy().T, cmap="cividis", origin="lower")
    row[1].imshow(truth, **limits)
    drawn = row[2].imshow(made, **limits)
    figure.colorbar(drawn, ax=row[2], shrink=0.8).ax.tick_params(labelsize=7)
    most = max(float(np.abs(made - truth).max()), 1e-30)
    drawn = row[3].imshow(made - truth, cmap="coolwarm", vmin=-most, vmax=most, origin="lower")
    figure.colorbar(drawn, ax=row[3], shrink=0.8).ax.tick_params(labelsize=7)
    for axes, title in zip(row[:4], ("input", "truth", _error_of(views, place), "surrogate - truth"), strict=True):
        _titled(axes, title)
        if title != "input" or not numbers:
            axes.set_axis_off()


def _draw_lines(figure: Any, row: Any, views: Views, place: int) -> None:
    truth, made = views.truth[place, -1].numpy(), views.made[place, -1].numpy()
    x = np.linspace(0, 1, len(truth), endpoint=False)
    row[0].plot(x, views.inputs[place, -1].numpy(), "C0")
    row[1].plot(x, truth, "k")
    row[2].plot(x, truth, "k", linewidth=0.8)
    row[2].plot(x, made, "C1--")
    row[3].plot(x, made - truth, "C3")
    for axes, title in zip(row[:4], ("input", "truth", _error_of(views, place), "surrogate - truth"), strict=True):
        _titled(axes, title)


def _draw_last(axes: Any, views: Views, place: int, rolls: int) -> None:
    here = slice(place, place + 1)
    if rolls:
        errors = channel_errors(views.made[here], views.truth[here])[0].numpy()
        axes.plot(np.arange(1, rolls + 1), errors, "C1.-")
        axes.axhline(0, color="k", linewidth=0.8)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _titled(axes, "relative L2 by step")
        return
    for name, fields, style in (("truth", views.truth, "k-"), ("surrogate", views.made, "C1--")):
        power = mean_spectrum(fields[here])[1:].numpy()
        axes.loglog(np.arange(1, len(power) + 1), np.maximum(power, 1e-30), style, linewidth=1.2, label=name)
    ticks = [2**exponent for exponent in range(len(power).bit_length())]
    axes.set_xticks(ticks, list(map(str, ticks)))
    axes.minorticks_off()
    axes.legend(fontsize=7)
    _titled(axes, "power by waves along the domain")


def draw_values(
    path: Path,
    made: NDArray[np.floating],
    truth: NDArray[np.floating],
    title: str,
    by: tuple[str, NDArray[Any]],
) -> None:
    """Write a PNG of numbers (n,): those found against true ones, and errors by what has that name and values (n,)."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    figure.suptitle(title, fontsize=11)
    both = [float(min(truth.min(), made.min())), float(max(truth.max(), made.max()))]
    left.plot(both, both, "k-", linewidth=0.8)
    left.plot(truth, made, "C1.", markersize=4)
    left.set_xlabel("truth")
    left.set_ylabel("surrogate")
    right.axhline(0, color="k", linewidth=0.8)
    right.plot(by[1], made - truth, "C3.", markersize=4)
    right.set_xlabel(by[0])
    right.set_ylabel("surrogate - truth")
    figure.savefig(path, dpi=90)
