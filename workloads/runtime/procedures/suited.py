"""The settings that a recipe leaves to the device: precision, memory layout and kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from orchestrator.records.settings import Settings, TrainingSettings
from workloads.runtime.communicators.base import Communicator
from workloads.runtime.devices import computes_in_bfloat16
from workloads.runtime.kernels import KernelsUnavailableError, load_kernels


@dataclass(frozen=True)
class Suited:
    """What a recipe's training ``settings`` left to the devices, as it was settled for all ranks."""

    precision: str
    channels_last: bool
    kernels: str
    compile: bool

    def applied_to(self, settings: Settings) -> Settings:
        """A benchmark's settings with what was settled in ``training``; those given stay as they are."""
        training: TrainingSettings = {
            **settings["training"],
            "precision": self.precision,
            "channels_last": self.channels_last,
            "kernels": self.kernels,
            "compile": self.compile,
        }
        return {**settings, "training": training}

    def changes_since(self, earlier: Mapping[str, Any]) -> list[str]:
        """What is otherwise than an earlier attempt settled it: "precision was bfloat16, is float32 here"."""
        return [
            f"{name} was {earlier[name]}, is {value} here"
            for name, value in asdict(self).items()
            if earlier[name] != value
        ]


def settle(
    settings: TrainingSettings, device: torch.device, communicator: Communicator, twice_differentiable: bool = False
) -> Suited:
    """What suits the devices of all ranks, where a recipe's training ``settings`` say "auto". Collective.

    ``precision``: bfloat16 if all compute in it, else float32. ``channels_last``: true but for float32 on processors,
    where the weight gradients of convolutions with few channels take three to four times as long in that layout
    (oneDNN's AVX2 kernels, 21 to 28 GFLOP/s against 69 to 114).

    ``kernels``: the project's own if all ranks can have them, else torch's. Raises KernelsUnavailableError where "own"
    was asked for and cannot be had. A loss that is to be ``twice_differentiable`` has neither them nor ``compile``.
    """
    precision, channels_last = settings["precision"], settings["channels_last"]
    if precision == "auto":
        able = communicator.sum(np.array(int(computes_in_bfloat16(device)), np.int64))
        precision = "bfloat16" if int(able) == communicator.size else "float32"
    if channels_last == "auto":
        channels_last = precision == "bfloat16" or device.type != "cpu"
    compiled = bool(settings.get("compile")) and not twice_differentiable
    # A campaign that an earlier version planned does not say.
    kernels = settings.get("kernels", "torch")
    if kernels != "torch":
        obstacle = "the task's loss differentiates twice" if twice_differentiable else None
        obstacle = obstacle or obstacle_to_kernels(device, bool(channels_last), compiled)
        if kernels == "own" and obstacle:
            raise KernelsUnavailableError(f"benchmark.training.kernels=own, but {obstacle}; set it to auto or torch")
        able = communicator.sum(np.array(int(obstacle is None), np.int64))
        kernels = "own" if int(able) == communicator.size else "torch"
    return Suited(precision, bool(channels_last), kernels, compiled)


def obstacle_to_kernels(device: torch.device, channels_last: bool, compiled: bool) -> str | None:
    """Why this rank cannot train with the project's kernels; None if it can, and they are loaded then."""
    if device.type != "cpu":
        return "they are for processors, and this rank has an accelerator"
    if not channels_last:
        return "they need channels_last=true"
    if compiled:
        return "they cannot be compiled: compile=true"
    try:
        load_kernels()
    except KernelsUnavailableError as error:
        return str(error)
    return None
