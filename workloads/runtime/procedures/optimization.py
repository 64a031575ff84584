"""The optimiser of a recipe and the learning rate at each step. The tables below are all there are."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, TypeVar

import torch
from torch import nn

from orchestrator.records.settings import OptimizerSettings

FUSED_DEVICES = frozenset({"cpu", "cuda", "mps", "xpu"})
"""Where torch has fused kernels for SGD, Adam and AdamW, from release 2.4 on."""

Parameters = list[nn.Parameter]


Kind = TypeVar("Kind", bound=torch.optim.Optimizer)


def eager(kind: type[Kind]) -> type[Kind]:
    """The optimiser without the wrappers that keep ``torch.compile`` out of its methods.

    Nobody compiles an optimiser here, and the first call of such a wrapper imports the whole compiler: a second of
    every rank's start. Of what they do else, ``step`` needs that no gradients are recorded.
    """
    methods = {
        name: inspect.unwrap(method)
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if hasattr(method, "__wrapped__")
    }
    methods["step"] = torch.no_grad()(inspect.unwrap(kind.step))
    return type(kind.__name__, (kind,), methods)


class Moments(TypedDict):
    """What Adam and AdamW share, as torch names it."""

    lr: float
    betas: tuple[float, float]
    weight_decay: float


def _adam(parameters: Parameters, settings: OptimizerSettings, fused: bool) -> torch.optim.Optimizer:
    return eager(torch.optim.Adam)(parameters, fused=fused, **_moments(settings))


def _adamw(parameters: Parameters, settings: OptimizerSettings, fused: bool) -> torch.optim.Optimizer:
    return eager(torch.optim.AdamW)(parameters, fused=fused, **_moments(settings))


def _moments(settings: OptimizerSettings) -> Moments:
    first, second = settings["betas"]
    return {"lr": settings["learning_rate"], "betas": (first, second), "weight_decay": settings["weight_decay"]}


def _sgd(parameters: Parameters, settings: OptimizerSettings, fused: bool) -> torch.optim.Optimizer:
    rate, decay = settings["learning_rate"], settings["weight_decay"]
    return eager(torch.optim.SGD)(parameters, rate, momentum=settings["momentum"], weight_decay=decay, fused=fused)


def _lbfgs(parameters: Parameters, settings: OptimizerSettings, fused: bool) -> torch.optim.Optimizer:
    """Limited-memory BFGS; Nocedal and Wright, Numerical Optimization, 2nd ed., algorithm 7.5."""
    return eager(torch.optim.LBFGS)(
        parameters,
        settings["learning_rate"],
        max_iter=settings["iterations"],
        history_size=settings["history"],
        line_search_fn="strong_wolfe" if settings["line_search"] else None,
    )


OPTIMIZERS: Mapping[str, Callable[[Parameters, OptimizerSettings, bool], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "sgd": _sgd,
    "lbfgs": _lbfgs,
}
"""Makes each optimiser from parameters, settings and whether fused kernels are asked for and to be had."""


def build_optimizer(
    model: nn.Module, settings: OptimizerSettings, undecayed: Sequence[nn.Parameter] = ()
) -> torch.optim.Optimizer:
    """The optimiser named in ``settings``, over the parameters that want gradients; weight decay leaves some alone.

    ``settings["fused"]`` asks for torch's fused kernels, which are then used if it has them for all the parameters;
    ``is_fused`` tells whether it does.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    fused = settings["fused"] and all(
        parameter.device.type in FUSED_DEVICES and parameter.is_floating_point() for parameter in parameters
    )
    left_alone = set(map(id, undecayed)) if settings["weight_decay"] else set()
    if not left_alone:
        return OPTIMIZERS[settings["name"]](parameters, settings, fused)
    optimizer = OPTIMIZERS[settings["name"]]([one for one in parameters if id(one) not in left_alone], settings, fused)
    optimizer.add_param_group({"params": [one for one in parameters if id(one) in left_alone], "weight_decay": 0.0})
    return optimizer


def is_fused(optimizer: torch.optim.Optimizer) -> bool:
    """Whether one kernel updates all parameters."""
    return bool(optimizer.defaults.get("fused"))


def decides_by_loss(optimizer: torch.optim.Optimizer) -> bool:
    """Whether the optimiser asks for the loss more than once a step, and decides by it how far to go."""
    return isinstance(optimizer, torch.optim.LBFGS)


def batch_scaling(rule: str, global_batch: int, base_batch: int) -> float:
    """Factor on the learning rate when the global batch is not the one that the rate was chosen for.

    "linear" after Goyal et al. 2017 (arXiv 1706.02677), "sqrt" after Krizhevsky 2014 (arXiv 1404.5997), which suits
    adaptive optimisers (Malladi et al. 2022, arXiv 2205.10287); "none" leaves it.
    """
    ratio = global_batch / base_batch
    return {"none": 1.0, "linear": ratio, "sqrt": math.sqrt(ratio)}[rule]


@dataclass(frozen=True)
class LearningRate:
    """Learning rate as a function of the step: a linear warm-up to the ``peak``, then one of ``SCHEDULES``.

    "step" and "inverse_time" decay by ``decay_factor`` for every ``decay_steps``; "cosine" ends at ``final_fraction``
    of the peak.
    """

    peak: float
    warmup_steps: int
    total_steps: int
    schedule: str
    decay_steps: float = 1.0
    decay_factor: float = 0.1
    final_fraction: float = 0.01

    def at(self, step: int) -> float:
        """The rate for the step, counted from 0 over the whole training."""
        if step < self.warmup_steps and self.schedule != "one_cycle":
            return self.peak * (step + 1) / self.warmup_steps
        return self.peak * SCHEDULES[self.schedule](self, step)


def _constant(rate: LearningRate, step: int) -> float:
    return 1.0


def _cosine(rate: LearningRate, step: int) -> float:
    """Half a cosine down to the final fraction (Loshchilov and Hutter 2017, arXiv 1608.03983, without restarts)."""
    progress = (step - rate.warmup_steps) / max(1, rate.total_steps - rate.warmup_steps)
    final = rate.final_fraction
    return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _step(rate: LearningRate, step: int) -> float:
    """Times the factor at once, every so often after the warm-up."""
    return float(rate.decay_factor ** ((step - rate.warmup_steps) // rate.decay_steps))


def _inverse_time(rate: LearningRate, step: int) -> float:
    """1 / (1 + factor · steps ÷ decay_steps), as Keras's InverseTimeDecay and DeepXDE's "inverse time" have it."""
    return 1 / (1 + rate.decay_factor * (step - rate.warmup_steps) / rate.decay_steps)


def _one_cycle(rate: LearningRate, step: int) -> float:
    """Up from a 25th and down to a 250,000th of the peak by half cosines (Smith and Topin 2018, arXiv 1708.07120).

    As torch's OneCycleLR has it. The rise is the warm-up, or three tenths of the training where there is none.
    """
    top = (rate.warmup_steps or 0.3 * rate.total_steps) - 1
    first, last = 1 / 25, 1 / 25 / 1e4
    if step <= top:
        start, stop, progress = first, 1.0, step / top if top > 0 else 1.0
    else:
        start, stop, progress = 1.0, last, min(1.0, (step - top) / max(1, rate.total_steps - 1 - top))
    return stop + (start - stop) * 0.5 * (1 + math.cos(math.pi * progress))


SCHEDULES: Mapping[str, Callable[[LearningRate, int], float]] = {
    "constant": _constant,
    "cosine": _cosine,
    "step": _step,
    "inverse_time": _inverse_time,
    "one_cycle": _one_cycle,
}
"""Fraction of the peak rate at a step."""


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Give the rate to all parameter groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate
