"""Reads the course of a run's losses from its telemetry, in blocks of ranks, so that a large file stays on disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from orchestrator.records import step_dataset
from orchestrator.records.checking import PLAIN_NAME
from orchestrator.telemetry.file import DAMAGE, attribute, bounded_telemetry

LOSS, ITEMS = "step/loss", "step/samples"
BLOCK_BYTES = 4 * 2**20
"""Size of the part of a dataset that is read at a time."""


@dataclass(frozen=True)
class LossCourse:
    """The mean over all ranks' items of each step's loss, (S,), by player: "/NAME", or "" of a method that has one.

    ``seconds`` is when each step was done, (S,), since the first began, on the mean rank.
    """

    first_step: int
    seconds: npt.NDArray[np.float64]
    losses: dict[str, npt.NDArray[np.float64]]


def read_losses(path: Path) -> LossCourse | None:
    """Return the losses; None if the file is missing or damaged, or has none."""
    try:
        with bounded_telemetry(path) as file:
            names, steps = loss_names(file), file[step_dataset("total")].shape
            if not names or not steps[0] or any(file[one].shape != steps for one in (ITEMS, *names.values())):
                return None
            losses = {name: mean_over_items(file[dataset], file[ITEMS]) for name, dataset in names.items()}
            seconds = np.cumsum(mean_over_ranks(file[step_dataset("total")]))
            return LossCourse(int(attribute(file, "first_step") or 0), seconds, losses)
    except DAMAGE:
        return None


def loss_names(file: h5py.File) -> dict[str, str]:
    """Return the datasets of losses by player, "" of a method that has one. Names that nobody can read are left out."""
    node = file.get(LOSS)
    if isinstance(node, h5py.Group):
        return {f"/{name}": f"{LOSS}/{name}" for name in node if re.fullmatch(PLAIN_NAME, name)}
    return {"": LOSS} if node else {}


def mean_over_ranks(dataset: Any) -> npt.NDArray[np.float64]:
    """Return the mean of an (R, S) dataset over its ranks, (S,)."""
    blocks = (dataset[rows].sum(axis=0, dtype=np.float64) for rows in blocks_of(dataset))
    return np.asarray(sum(blocks, np.zeros(dataset.shape[1])) / dataset.shape[0])


def mean_over_items(means: Any, items: Any) -> npt.NDArray[np.float64]:
    """Return the mean of each step over all items, (S,), from the ranks' means (R, S) over so many each; 0 without any.

    It does not depend on how the items were dealt out: a mean over the ranks counts a rank with few of them, or none,
    as much as any.
    """
    total, count = np.zeros(means.shape[1]), np.zeros(means.shape[1])
    for rows in blocks_of(means):
        weights = np.asarray(items[rows], np.float64)
        total += (means[rows] * weights).sum(axis=0)
        count += weights.sum(axis=0)
    return np.asarray(total / np.maximum(1, count))


def blocks_of(dataset: Any) -> Iterator[slice]:
    """The rows of an (R, S) dataset in blocks of about BLOCK_BYTES."""
    ranks, steps = dataset.shape
    block = max(1, BLOCK_BYTES // max(1, dataset.dtype.itemsize * steps))
    return (slice(start, start + block) for start in range(0, ranks, block))
