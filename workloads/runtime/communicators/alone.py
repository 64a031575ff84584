"""The gradients of a rank that is alone: they are their own average."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from workloads.runtime.communicators.base import GradientReducer, Timings


class LoneReducer(GradientReducer):
    """What ``Communicator.reducer`` gives in a world of one: no bucket is filled and nothing is sent."""

    def __init__(self, model: nn.Module) -> None:
        self.timings = Timings()
        self._model = model

    @property
    def module(self) -> nn.Module:
        """The model itself."""
        return self._model

    def backward(self, loss: Tensor, last: bool = True) -> None:
        """Accumulate gradients of ``loss``; after the ``last`` every parameter has one."""
        loss.backward()  # type: ignore[no-untyped-call]
        if not last:
            return
        for parameter in self._model.parameters():
            if parameter.requires_grad and parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        if any(parameter.is_cuda for parameter in self._model.parameters()):
            torch.cuda.current_stream().synchronize()
        self.flag_seen = self.flag_raised
        self.timings.gradients_ready = self.timings.gradients_averaged = time.perf_counter()
