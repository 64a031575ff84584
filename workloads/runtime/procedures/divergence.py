"""A model that diverged has no quality: its numbers are looked at before anyone believes what it predicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from orchestrator.records import DIVERGED
from workloads.runtime.errors import DivergedError, MetricError

REMEDY = (
    "a lower benchmark.training.optimizer.learning_rate or a longer benchmark.training.warmup_epochs may help training"
)


class Answers:
    """A context that checks whether all that a model returns within it is finite. ``when`` says when, for the error.

    A metric can be finite although the answers are not: argmax of NaN scores is the first class. Another metric raises
    an error of its own; the context raises DivergedError in place of it. Checking waits for no device; ``finite`` does.
    """

    def __init__(self, model: nn.Module, when: str) -> None:
        self.when = when
        # A method may call a part of its model, such as an adversary's encoder, by itself.
        self.modules = list(model.modules())
        self.depth = 0
        self.found: Tensor | None = None
        self.hooks: list[torch.utils.hooks.RemovableHandle] = []

    def __enter__(self) -> Answers:
        for module in self.modules:
            self.hooks += [module.register_forward_pre_hook(self.begin), module.register_forward_hook(self.end)]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        for hook in self.hooks:
            hook.remove()
        if isinstance(error, Exception) and not self.finite:
            raise self.divergence from error

    @property
    def divergence(self) -> DivergedError:
        """The error that they are not numbers."""
        return DivergedError(f"what the model predicts is not numbers {self.when}: {DIVERGED}; {REMEDY}")

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


@contextmanager
def refusing_too_great_a_step(rate: float) -> Iterator[None]:
    """Raise DivergedError where an optimiser's step is greater than a float can be, which torch says in other words."""
    try:
        yield
    except RuntimeError as error:
        if "without overflow" not in str(error):
            raise
        words = f"a step at learning rate {rate:.3g} is too great for a float: {DIVERGED}; {REMEDY}"
        raise DivergedError(words) from error


def refuse_divergence(
    metric: str,
    values: Mapping[str, float],
    losses: Tensor | None,
    model: nn.Module,
    when: str,
    answers: Answers | None = None,
) -> None:
    """Raise DivergedError unless the metric, the losses so far (if any), all weights and the model's answers are
    numbers, MetricError if there is no such metric. ``when`` says of which model they are.
    """
    if metric not in values:
        raise MetricError(f"benchmark.quality.metric is {metric!r}; this run has {', '.join(sorted(values))}")
    if not math.isfinite(values[metric]):
        what = "not a number" if math.isnan(values[metric]) else "infinite"
        raise DivergedError(f"{metric} is {what} {when}: {DIVERGED}; {REMEDY}")
    refuse_state(losses, model, when)
    if answers is not None and not answers.finite:
        raise answers.divergence


def refuse_state(losses: Tensor | None, model: nn.Module, when: str) -> None:
    """Raise DivergedError unless the losses and all weights are numbers: nobody could go on from them."""
    if losses is not None and not bool(torch.isfinite(losses).all()):
        raise DivergedError(f"the loss is not a number {when}: {DIVERGED}; {REMEDY}")
    for name, weights in model.named_parameters():
        if not bool(torch.isfinite(weights).all()):
            raise DivergedError(f"the weights {name} are not numbers {when}: {DIVERGED}; {REMEDY}")
    # A mask that is kept beside the weights may hold infinities; nothing may hold what is no number.
    for name, kept in model.named_buffers():
        if bool(torch.isnan(kept).any()):
            raise DivergedError(f"the statistics {name} are not numbers {when}: {DIVERGED}; {REMEDY}")
