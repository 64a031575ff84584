"""Draws what a language model does: texts that it wrote with their verdicts, crystals of valid ones, and its losses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from workloads.language_models.drawing import draw_crystal
from workloads.language_models.forms import Form
from workloads.language_models.grammar.crystals import Crystal
from workloads.language_models.judging import judge_tokens
from workloads.language_models.quality import losses_of
from workloads.language_models.rows import NOTHING
from workloads.runtime.task import Batch

VALID_TEXT = "valid"
VALID, INVALID = "#0072b2", "#d55e00"
"""Told apart also by those who see no red or green; the verdicts are written, too."""
WIDEST, TALLEST = 60, 24
"""Characters of a line, and lines of all texts."""
CRYSTALS = 4
"""Crystals, at most."""


@dataclass(frozen=True)
class View:
    """What is drawn: texts with their ``verdicts`` ("valid", or what they fail), the mean loss by place in a document
    (p,), nats, the perplexity at each evaluation, by seconds, and the share of ``valid`` texts; ``crystals`` that valid
    texts describe.
    """

    texts: Sequence[str]
    verdicts: Sequence[str]
    losses: NDArray[np.floating]
    curve: Sequence[tuple[float, float]]
    crystals: Sequence[Crystal] = ()
    valid: Sequence[tuple[float, float]] = ()


def view_of(
    model: nn.Module, batch: Batch, written: NDArray[np.integer], form: Form,
    history: Sequence[tuple[float, dict[str, float]]],
) -> View:  # fmt: skip
    """From held-out rows, and the tokens of texts that were written (n, t)."""
    vocabulary = form.vocabulary
    texts, verdicts = [], []
    for row in written:
        judged = judge_tokens(form, row)
        texts.append(judged.text)
        verdicts.append("not: " + ", ".join(judged.faults) if judged.faults else VALID_TEXT)
    losses, tokens = losses_of(model, batch).cpu().numpy(), batch["tokens"].cpu().numpy()
    own = batch["targets"].cpu().numpy() != NOTHING
    places = np.arange(tokens.shape[1])
    places = places - np.maximum.accumulate(np.where(tokens == vocabulary.start, places, 0), axis=1)
    counts = np.bincount(places[own])
    by_place = np.bincount(places[own], losses[own].astype(np.float64)) / np.maximum(counts, 1)
    valid = [text for text, verdict in zip(texts, verdicts, strict=True) if verdict == VALID_TEXT]
    crystals = [form.crystal_of(text) for text in valid[:CRYSTALS]] if form.crystal_of else []
    curve = [(at, metrics["perplexity"]) for at, metrics in history]
    shares = [(at, metrics["generated/valid"]) for at, metrics in history if "generated/valid" in metrics]
    return View(texts, verdicts, by_place[counts > 0], curve, crystals, shares)


def draw_texts(path: Path, view: View) -> None:
    """Write a PNG."""
    from matplotlib.figure import Figure

    heights = (5.2, 3.6) if view.crystals else (5.2,)
    figure = Figure(figsize=(13, sum(heights)), layout="constrained")
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    left, right = parts[0].subfigures(1, 2, squeeze=False, width_ratios=(1.25, 1))[0]
    _write_texts(left.subplots(), view)
    place, *others = right.subplots(2 if view.curve else 1, 1, squeeze=False)[:, 0]
    place.plot(np.arange(len(view.losses)), view.losses, color=VALID)
    place.set_xlabel("tokens of the document before it")
    place.set_ylabel("mean loss of a token, nats")
    place.set_title("held-out texts", fontsize=10)
    for curve in others:
        curve.plot(*zip(*view.curve, strict=True), color=VALID, marker="o", markersize=4)
        curve.set_xlabel("seconds of training")
        curve.set_ylabel("perplexity of held-out texts")
        if view.valid:
            share = curve.twinx()
            share.plot(*zip(*view.valid, strict=True), color=INVALID, marker="s", markersize=4, linestyle="--")
            share.set_ylim(0, 1)
            share.set_ylabel("valid among written texts (dashed)")
    if view.crystals:
        for axes, crystal in zip(parts[1].subplots(1, CRYSTALS), view.crystals, strict=False):
            draw_crystal(axes, crystal)
        for axes in parts[1].axes:
            axes.set_axis_off()
    figure.savefig(path, dpi=90)


def _write_texts(axes: Any, view: View) -> None:
    """Each text in lines of one width, its verdict behind the first; as many as there is room for."""
    axes.set_axis_off()
    axes.set_title("texts that the model wrote", fontsize=10)
    line = 0
    for text, verdict in zip(view.texts, view.verdicts, strict=True):
        shown = [part[at : at + WIDEST] for part in text.split("\n") for at in range(0, max(1, len(part)), WIDEST)]
        if line and line + len(shown) > TALLEST:
            break
        color = VALID if verdict == VALID_TEXT else INVALID
        left_out = len(shown) - (TALLEST - line)
        if left_out > 0:
            shown = [*shown[: TALLEST - line - 1], f"… {left_out + 1} more lines"]
        for number, part in enumerate(shown):
            said = part if number else f"{part}   ({verdict})"
            axes.text(
                0, 1 - (line + 0.5) / TALLEST, said, family="monospace", fontsize=7, color=color,
                parse_math=False, transform=axes.transAxes, va="center",
            )  # fmt: skip
            line += 1
