"""A model that diverged has no quality: its numbers are looked at before anyone believes what it predicts."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from orchestrator.records import DIVERGED
from workloads.runtime.errors import DivergedError


def refuse_divergence(
    metric: str, values: Mapping[str, float], losses: Tensor | None, model: nn.Module, when: str
) -> None:
    """Raise DivergedError unless the metric, the last step's losses (if any) and all weights are finite.

    ``when`` says of which model they are. A metric may well be finite where the weights are not: of scores that are no
    numbers the first class is the largest.
    """
    when = f"{when}: {DIVERGED}"
    if not math.isfinite(values[metric]):
        raise DivergedError(f"{metric} is {'not a number' if math.isnan(values[metric]) else 'infinite'} {when}")
    if losses is not None and not bool(torch.isfinite(losses).all()):
        raise DivergedError(f"the loss is not a number {when}")
    for name, weights in model.named_parameters():
        if not bool(torch.isfinite(weights).all()):
            raise DivergedError(f"the weights {name} are not numbers {when}")
