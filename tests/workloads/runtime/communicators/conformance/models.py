"""The little models and samples that the checks share, and how their tensors are compared."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from workloads.runtime.communicators import Communicator

DEVICE = torch.device(os.environ.get("CONFORMANCE_DEVICE", "cpu"))
SMALL_BUCKETS = 2048
"""Bytes: small enough that the little models here fill several buckets."""

Model = TypeVar("Model", bound=nn.Module)


def channels_last(model: nn.Module) -> nn.Module:
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


class Perceptron(nn.Module):
    """Two hidden layers, and a branch that ``skip`` leaves out of the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 40)
        self.branch = nn.Linear(40, 40)
        self.last = nn.Linear(40, 3)

    def forward(self, inputs: Tensor, skip: bool = False) -> Tensor:
        hidden = torch.tanh(self.first(inputs))
        if not skip:
            hidden = hidden + torch.tanh(self.branch(hidden))
        outputs: Tensor = self.last(hidden)
        return outputs


def seeded(build: Callable[[], Model], seed: int) -> Model:
    """A model that is the same on every device."""
    torch.manual_seed(seed)
    return build().to(DEVICE)


def samples(count: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """The same inputs (n, 6) and targets (n, 3) on every rank."""
    generator = torch.Generator().manual_seed(11)
    inputs = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    targets = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return inputs.to(DEVICE, dtype), targets.to(DEVICE, dtype)


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


def assert_close(found: list[Tensor], expected: list[Tensor], rtol: float, atol: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=atol)


def everywhere_alike(communicator: Communicator, tensors: list[Tensor]) -> bool:
    """On rank 0 whether all ranks hold the same numbers; True elsewhere."""
    # An optimiser's step count may be in host memory while its parameters are not.
    flat = torch.cat([tensor.detach().double().reshape(-1).cpu() for tensor in tensors])
    gathered = communicator.gather(flat.numpy())
    return gathered is None or bool((gathered == gathered[0]).all())
