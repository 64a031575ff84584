"""A model that diverged has no quality: its numbers are looked at before anyone believes what it predicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from orchestrator.records import DIVERGED
from workloads.runtime.errors import DivergedError

REMEDY = (
    "a lower benchmark.training.optimizer.learning_rate or a longer benchmark.training.warmup_epochs may help training"
)


class Answers:
    """A context in which all that a model answers is looked at.

    A metric may well be finite where the answers are not: of scores that are no numbers the first class is the largest.
    Looking waits for no device; ``finite`` does.
    """

    def __init__(self, model: nn.Module) -> None:
        # A method may call a part of its model, an encoder, by itself.
        self.modules = [model, *model.children()]
        self.depth = 0
        self.found: Tensor | None = None
        self.hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> Answers:
        for module in self.modules:
            self.hooks += [module.register_forward_pre_hook(self.begin), module.register_forward_hook(self.end)]
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self.hooks:
            hook.remove()

    def begin(self, module: nn.Module, inputs: Any) -> None:
        """A call begins, perhaps within another one."""
        self.depth += 1

    def end(self, module: nn.Module, inputs: Any, answer: Any) -> None:
        """A call has ended; the outermost one's answer counts."""
        self.depth -= 1
        if self.depth == 0:
            for tensor in tensors_of(answer):
                finite = torch.isfinite(tensor).all()
                self.found = finite if self.found is None else self.found & finite

    @property
    def finite(self) -> bool:
        """Whether all answers so far are numbers."""
        return self.found is None or bool(self.found)


def tensors_of(answer: Any) -> Iterator[Tensor]:
    """The tensors in what a module returns."""
    if isinstance(answer, Tensor):
        yield answer
    elif isinstance(answer, Mapping):
        for item in answer.values():
            yield from tensors_of(item)
    elif isinstance(answer, list | tuple):
        for item in answer:
            yield from tensors_of(item)


def refuse_divergence(
    metric: str,
    values: Mapping[str, float],
    losses: Tensor | None,
    model: nn.Module,
    when: str,
    answers: Answers | None = None,
) -> None:
    """Raise DivergedError unless the metric, the last step's losses (if any), all weights and the model's answers are
    numbers. ``when`` says of which model they are.
    """
    if not math.isfinite(values[metric]):
        what = "not a number" if math.isnan(values[metric]) else "infinite"
        raise DivergedError(f"{metric} is {what} {when}: {DIVERGED}; {REMEDY}")
    refuse_state(losses, model, when)
    if answers is not None and not answers.finite:
        raise DivergedError(f"what the model predicts is not numbers {when}: {DIVERGED}; {REMEDY}")


def refuse_state(losses: Tensor | None, model: nn.Module, when: str) -> None:
    """Raise DivergedError unless the last step's losses and all weights are numbers: nobody could go on from them."""
    if losses is not None and not bool(torch.isfinite(losses).all()):
        raise DivergedError(f"the loss is not a number {when}: {DIVERGED}; {REMEDY}")
    for name, weights in model.named_parameters():
        if not bool(torch.isfinite(weights).all()):
            raise DivergedError(f"the weights {name} are not numbers {when}: {DIVERGED}; {REMEDY}")
    # A mask that is kept beside the weights may hold infinities; nothing may hold what is no number.
    for name, kept in model.named_buffers():
        if bool(torch.isnan(kept).any()):
            raise DivergedError(f"the statistics {name} are not numbers {when}: {DIVERGED}; {REMEDY}")
