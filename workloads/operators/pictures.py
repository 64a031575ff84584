"""Fields beside the reference solutions, and their errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workloads.operators.datasets.base import OperatorDescription
from workloads.operators.problems.base import Problem

PICTURED = 3
"""Functions in a picture, one a row."""


@dataclass(frozen=True)
class Views:
    """What a network is told of functions (n, S), their solutions and its fields (n, outputs, n1, n2), and how metrics
    moved.
    """

    sensors: NDArray[np.float32]
    solutions: NDArray[np.float32]
    fields: NDArray[np.float32]
    history: Sequence[tuple[float, dict[str, float]]]


def draw_fields(path: Path, views: Views, facts: OperatorDescription, problem: Problem) -> None:
    """Write a PNG of the first output's fields, a row for each function; the last row is how errors went down."""
    from matplotlib.figure import Figure

    count = len(views.fields)
    height = 2.8 * (count + 1) + 0.4
    figure = Figure(figsize=(14, height))
    # Placed by hand: to have matplotlib find places takes longer than all the rest.
    edges = {"left": 0.05, "right": 0.98, "bottom": 0.5 / height, "top": 1 - 0.7 / height}
    figure.subplots_adjust(**edges, hspace=0.45, wspace=0.3)
    axes = figure.subplots(count + 1, 4, squeeze=False)
    made = "solved here" if facts["source"] == "stand-in" else "published"
    figure.suptitle(f"{facts['set']}, {problem.OUTPUTS[0]}; reference solutions {made}", fontsize=11)
    first, second = (np.asarray(axis) for axis in facts["axes"])
    extent = (float(first[0]), float(first[-1]), float(second[0]), float(second[-1]))
    for place, row in enumerate(axes[:-1]):
        truth, field = views.solutions[place, 0].T, views.fields[place, 0].T
        error = field - truth
        row[0].plot(views.sensors[place], linewidth=1.2)
        row[0].set_title("what is given", fontsize=9)
        row[0].set_xlabel(problem.SENSED, fontsize=8)
        limits = {"vmin": float(truth.min()), "vmax": float(truth.max()), "cmap": "viridis"}
        most = max(float(np.abs(error).max()), 1e-9)
        relative = float(np.linalg.norm(error) / max(np.linalg.norm(truth), 1e-30))
        shown = (
            ("solution", truth, limits),
            (f"network, relative L2 {relative:.3f}", field, limits),
            ("network - solution", error, {"vmin": -most, "vmax": most, "cmap": "coolwarm"}),
        )
        for place_in_row, (title, values, colours) in enumerate(shown):
            panel = row[place_in_row + 1]
            drawn = panel.imshow(values, origin="lower", extent=extent, aspect="auto", **colours)
            panel.set_title(title, fontsize=9)
            panel.set_xlabel(problem.COORDINATES[0], fontsize=8)
            panel.set_ylabel(problem.COORDINATES[1], fontsize=8)
            if place_in_row:
                figure.colorbar(drawn, ax=panel, shrink=0.9)
    seconds = [at for at, _ in views.history]
    for panel, name in zip(axes[-1], ("relative_l2", "relative_l2_worst", "residual", "condition"), strict=True):
        values = [metrics[name] for _, metrics in views.history]
        panel.plot(seconds, values, "o-", markersize=3)
        if max(values) > 10 * min(values) > 0:
            panel.set_yscale("log")
        else:
            panel.set_ylim(0, 1.1 * max(values) or 1.0)
        panel.set_title(name, fontsize=9)
        panel.set_xlabel("training, s", fontsize=8)
    figure.savefig(path, dpi=90)
