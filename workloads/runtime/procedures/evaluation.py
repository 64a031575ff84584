"""Quality over a whole evaluation set, of which every rank takes a share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from orchestrator.records.settings import TrainingSettings
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.samples.loader import Loader
from workloads.runtime.samples.sampler import Indices, share
from workloads.runtime.task import Arrays, Quality, Task


def autocast(device: torch.device, settings: TrainingSettings) -> AbstractContextManager[Any]:
    """bfloat16 where the recipe's training settings ask for it; parameters and sums stay in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings["precision"] == "bfloat16")


def batches_of_share(samples: int, batch_size: int, rank: int, ranks: int) -> list[Indices]:
    """This rank's share of so many samples, in order, in batches; none if there are more ranks than samples."""
    mine = share(np.arange(samples), rank, ranks)
    return [mine[start : start + batch_size] for start in range(0, len(mine), batch_size)]


def evaluate(
    task: Task,
    model: nn.Module,
    loaders: Mapping[str, Loader],
    communicator: Communicator,
    device: torch.device,
    settings: TrainingSettings,
    progress: Progress,
    concluding: bool = False,
) -> dict[str, float]:
    """The metrics of all evaluation sets by name, on every rank. Collective.

    ``loaders`` are the sets' own, ``settings`` the recipe's for training. ``concluding``: the run is
    done. Leaves the model in evaluation mode.
    """
    model.eval()
    metrics: dict[str, float] = {}
    for name, loader in loaders.items():
        quality = task.quality_of(name)
        requests = batches_of_share(
            len(loader.samples), settings["evaluation_batch_size"], communicator.rank, communicator.size
        )
        gradients = torch.enable_grad() if quality.differentiates else torch.inference_mode()
        with gradients, autocast(device, settings):
            rows = Rows()
            for batch in loader.on_device(requests, device):
                rows.add(quality.update(model, batch) or {})
                progress.changes += 1
        found = compute_metrics(quality, rows.arrays, communicator, progress, concluding)
        metrics |= {f"{name}/{metric}" if name else metric: value for metric, value in found.items()}
    return metrics


class Rows:
    """Rows of the samples that this rank has seen, in their order."""

    def __init__(self) -> None:
        self.parts: dict[str, list[npt.NDArray[Any]]] = {}

    def add(self, rows: Mapping[str, Tensor]) -> None:
        """Copy the rows of a batch."""
        for name, tensor in rows.items():
            self.parts.setdefault(name, []).append(tensor.detach().cpu().numpy().copy())

    @property
    def arrays(self) -> Arrays:
        """All rows so far, (n, …) by name."""
        return {name: np.concatenate(parts) for name, parts in self.parts.items()}


def compute_metrics(
    quality: Quality, own: Arrays, communicator: Communicator, progress: Progress, concluding: bool
) -> dict[str, float]:
    """The metrics from all ranks' sums and ``own`` rows, which rank 0 computes. Collective."""
    progress.collective = True
    counts = communicator.sum(np.asarray(quality.counts, np.float64))
    rows = rows_of_all(own, communicator)
    found = {}
    if rows is not None:
        progress.collective = False
        values = (quality.conclude if concluding else quality.measure)(counts, rows, progress.tick)
        found = {name: float(value) for name, value in values.items()}
        progress.changes += 1
    progress.collective = True
    # As text a float64 keeps all its bits.
    known: dict[str, float] = json.loads(communicator.broadcast_text(json.dumps(found)))
    progress.collective = False
    return known


def rows_of_all(rows: Arrays, communicator: Communicator) -> Arrays | None:
    """On rank 0 the ranks' rows end to end, which is the samples' order; None elsewhere. Collective.

    A rank without samples need not know which arrays there are.
    """
    own = {name: (array.dtype.str, array.shape) for name, array in rows.items()}
    described = communicator.gather_text(json.dumps(own))
    layout: dict[str, tuple[str, list[int], list[int]]] = {}
    for rank, text in enumerate(described or ()):
        for name, (dtype, (count, *shape)) in json.loads(text).items():
            layout.setdefault(name, (dtype, shape, [0] * communicator.size))[2][rank] = count
    layout = json.loads(communicator.broadcast_text(json.dumps(layout)))
    whole: Arrays = {}
    for name, (dtype, shape, counts) in layout.items():
        padded = np.zeros((max(counts), *shape), np.dtype(dtype))
        if name in rows:
            padded[: counts[communicator.rank]] = rows[name]
        gathered = communicator.gather(padded)
        if gathered is not None:
            whole[name] = np.concatenate([block[:count] for block, count in zip(gathered, counts, strict=True)])
    return None if described is None else whole


def evaluation_loaders(task: Task, batch_size: int, pin: bool, readers: int) -> dict[str, Loader]:
    """A loader for each of the task's evaluation sets, by the set's name."""
    return {name: Loader(samples, batch_size, pin, readers) for name, samples in task.evaluation_sets.items()}
