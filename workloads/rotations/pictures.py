"""Draws a classifier at all angles: accuracy as a polar plot, and images with the answers around them."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.rotations.turning import ANGLES

SAID = ("accuracy", "mean_accuracy", "minimum_accuracy", "gap", "invariance_error", "consistency")
RIGHT, WRONG = "#0072b2", "#d55e00"
"""Told apart also by those who see no red or green; the answers are written, too."""


@dataclass(frozen=True)
class View:
    """What is drawn of one model.

    ``metrics`` over the evaluation set; ``images`` (n, c, h, w) from 0 to 1 with their ``labels`` (n,), and the
    probabilities ``answers`` (angles, n, classes); ``classes``: what each class is called.
    """

    metrics: Mapping[str, float]
    images: NDArray[np.floating]
    labels: NDArray[np.integer]
    answers: NDArray[np.floating]
    classes: Sequence[str]


def draw_circle(path: Path, view: View) -> None:
    """Write a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.4), layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.3))[0]
    _draw_accuracy(left, view.metrics)
    panels = right.subplots(2, -(-len(view.images) // 2), squeeze=False).ravel()
    right.suptitle("what is answered when the image in the middle, as it is seen, is turned by so much", fontsize=10)
    marks = marks_of(view.classes)
    if any(mark != name for mark, name in zip(marks, view.classes, strict=True)):
        named = [f"{mark}: {name}" for mark, name in zip(marks, view.classes, strict=True)]
        right.supxlabel("   ".join(named), fontsize=9)
    for number, axes in enumerate(panels):
        axes.set_axis_off()
        if number < len(view.images):
            _draw_answers(axes, view, number, marks)
    figure.savefig(path, dpi=90)


def _draw_accuracy(panel: Any, metrics: Mapping[str, float]) -> None:
    axes = panel.subplots(subplot_kw={"projection": "polar"})
    radians = np.radians([*ANGLES, 360.0])
    values = [metrics[f"accuracy_at_{angle:.0f}"] for angle in ANGLES]
    axes.plot(radians, [*values, values[0]], color=RIGHT, marker="o", markersize=4)
    axes.fill(radians, [*values, values[0]], color=RIGHT, alpha=0.15)
    axes.plot(np.linspace(0, 2 * np.pi, 200), np.full(200, metrics["accuracy"]), color="#555555", linestyle=":")
    axes.set_theta_zero_location("N")
    axes.set_rlim(0, 1)
    axes.set_title("accuracy by the angle of the image; dotted: upright", fontsize=10)
    said = "   ".join(f"{name.replace('_', ' ')} {metrics[name]:.3f}" for name in SAID[:3])
    more = "   ".join(f"{name.replace('_', ' ')} {metrics[name]:.3f}" for name in SAID[3:])
    panel.supxlabel(f"{said}\n{more}", fontsize=9)


def marks_of(classes: Sequence[str]) -> list[str]:
    """What each class is written as around an image: its name, or a letter where names are long."""
    if all(len(name) < 2 for name in classes):
        return list(classes)
    return [string.ascii_letters[number % len(string.ascii_letters)] for number in range(len(classes))]


def _draw_answers(axes: Any, view: View, number: int, marks: Sequence[str]) -> None:
    """An image, and around it at each angle the class that is answered; the surer, the larger."""
    axes.set_xlim(-1.45, 1.45)
    axes.set_ylim(-1.45, 1.45)
    axes.set_aspect("equal")
    axes.imshow(
        view.images[number].transpose(1, 2, 0).squeeze(), cmap="gray", extent=(-0.62, 0.62, -0.62, 0.62), vmin=0, vmax=1
    )
    for angle, answers in zip(ANGLES, view.answers[:, number], strict=True):
        best = int(answers.argmax())
        # Zero is at the top, and angles grow against the clock, as images are turned.
        across, up = -np.sin(np.radians(angle)), np.cos(np.radians(angle))
        right = best == view.labels[number]
        axes.text(
            1.15 * across, 1.15 * up, marks[best], ha="center", va="center",
            fontsize=7 + 6 * float(answers[best]), color=RIGHT if right else WRONG,
            fontweight="normal" if right else "bold",
        )  # fmt: skip
    axes.set_title(view.classes[int(view.labels[number])], fontsize=9)
