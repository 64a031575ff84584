"""Quality over a whole evaluation set, of which every rank takes a share."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import nn

from workloads.runtime.communicators.base import Communicator
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.samples.loader import Loader
from workloads.runtime.samples.sampler import Indices, share
from workloads.runtime.task import Task


def autocast(device: torch.device, settings: Mapping[str, Any]) -> AbstractContextManager[Any]:
    """bfloat16 where the recipe's training settings ask for it; parameters and sums stay in float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings["precision"] == "bfloat16")


def batches_of_share(samples: int, batch_size: int, rank: int, ranks: int) -> list[Indices]:
    """This rank's share of so many samples, in order, in batches; none if there are more ranks than samples."""
    mine = share(np.arange(samples), rank, ranks)
    return [mine[start : start + batch_size] for start in range(0, len(mine), batch_size)]


def evaluate(
    task: Task,
    model: nn.Module,
    loader: Loader,
    communicator: Communicator,
    device: torch.device,
    settings: Mapping[str, Any],
    progress: Progress,
) -> dict[str, float]:
    """The metrics by name, on every rank. Collective. ``settings`` are the recipe's for training.

    Leaves the model in evaluation mode.
    """
    model.eval()
    quality = task.new_quality()
    requests = batches_of_share(
        len(task.evaluation_set), settings["evaluation_batch_size"], communicator.rank, communicator.size
    )
    with torch.inference_mode(), autocast(device, settings):
        for batch in loader.on_device(requests, device):
            quality.update(model, batch)
            progress.changes += 1
    progress.collective = True
    counts = communicator.sum(np.asarray(quality.counts, np.float64))
    progress.collective = False
    return quality.compute(counts)


def reaches(value: float, quality: Mapping[str, Any]) -> bool:
    """Whether a value of the metric is as good as the benchmark's ``quality`` settings want it."""
    target = float(quality["target"])
    return value >= target if quality["higher_is_better"] else value <= target
