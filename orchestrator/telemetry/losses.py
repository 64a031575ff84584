"""Reads the course of a run's losses from its telemetry, in blocks of ranks, so that a large file stays on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from orchestrator.records import step_dataset
from orchestrator.records.checking import PLAIN_NAME
from orchestrator.telemetry.file import DAMAGE, attribute, bounded_telemetry

LOSS = "step/loss"
BLOCK_BYTES = 4 * 2**20
"""Size of the part of a dataset that is read at a time."""


@dataclass(frozen=True)
class LossCourse:
    """The mean over ranks of each step's loss, (S,), by player: "/NAME", or "" of a method that has one.

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
            if not names or not steps[0] or any(file[dataset].shape != steps for dataset in names.values()):
                return None
            losses = {name: mean_over_ranks(file[dataset]) for name, dataset in names.items()}
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
    ranks, steps = dataset.shape
    block = max(1, BLOCK_BYTES // max(1, dataset.dtype.itemsize * steps))
    parts = (dataset[start : start + block].sum(axis=0, dtype=np.float64) for start in range(0, ranks, block))
    return np.asarray(sum(parts, np.zeros(steps)) / ranks)
