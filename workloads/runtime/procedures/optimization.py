"""The optimiser of a recipe and the learning rate at each step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

FUSED_DEVICES = frozenset({"cpu", "cuda", "mps", "xpu"})
"""Where torch has fused kernels for SGD, Adam and AdamW, from release 2.4 on."""


def build_optimizer(model: nn.Module, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """The optimiser named in ``settings`` ("adam", "adamw", "sgd"), over the parameters that want gradients.

    ``settings["fused"]`` asks for torch's fused kernels, which are then used if it has them for all the parameters;
    ``is_fused`` tells whether it does.
    """
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    fused = settings["fused"] and all(
        parameter.device.type in FUSED_DEVICES and parameter.is_floating_point() for parameter in parameters
    )
    if settings["name"] == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=settings["momentum"], weight_decay=decay, fused=fused)
    kind: type[torch.optim.Optimizer] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[settings["name"]]
    first, second = settings["betas"]
    return kind(  # type: ignore[call-arg]
        parameters, rate, betas=(first, second), weight_decay=decay, fused=fused
    )


def is_fused(optimizer: torch.optim.Optimizer) -> bool:
    """Whether one kernel updates all parameters."""
    return bool(optimizer.defaults["fused"])


def batch_scaling(rule: str, global_batch: int, base_batch: int) -> float:
    """Factor on the learning rate when the global batch is not the one that the rate was chosen for.

    "linear" after Goyal et al. 2017 (arXiv 1706.02677), "sqrt" after Krizhevsky 2014 (arXiv 1404.5997), which suits
    adaptive optimisers (Malladi et al. 2022, arXiv 2205.10287); "none" leaves it.
    """
    ratio = global_batch / base_batch
    return {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[rule]


@dataclass(frozen=True)
class LearningRate:
    """Learning rate as a function of the step: linear warm-up, then constant or a cosine down to a hundredth."""

    peak: float
    warmup_steps: int
    total_steps: int
    schedule: str

    def at(self, step: int) -> float:
        """The rate for the step, counted from 0 over the whole training."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        if self.schedule == "constant":
            return self.peak
        progress = (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)
        return self.peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give the rate to all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate
