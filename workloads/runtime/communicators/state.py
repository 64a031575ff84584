"""The state of an optimiser as a list of tensors, the same list on every rank."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Entry = tuple[int, str, Any]
"""Parameter's index, key, description of what is held there (see ``_describe``)."""


def describe_state(optimizer: torch.optim.Optimizer) -> list[Entry]:
    """What the optimiser holds for each parameter, in a fixed order and in terms that JSON can carry."""
    return [
        (index, key, _describe(value))
        for index, parameter in enumerate(_parameters(optimizer))
        for key, value in sorted(optimizer.state.get(parameter, {}).items())
    ]


def allocate_state(optimizer: torch.optim.Optimizer, entries: list[Entry]) -> list[Tensor]:
    """The optimiser's tensors in the order of ``entries``; those it lacks are made, plain numbers are set."""
    parameters = _parameters(optimizer)
    tensors: list[Tensor] = []
    for index, key, description in entries:
        state = optimizer.state[parameters[index]]
        state[key] = _allocate(description, state.get(key), parameters[index])
        tensors += _tensors(state[key])
    return tensors


def _describe(value: Any) -> Any:
    """A tensor by its shape and type, a list (L-BFGS has some) by its members, anything else by itself."""
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "dtype": str(value.dtype).removeprefix("torch.")}
    return [_describe(member) for member in value] if isinstance(value, list) else value


def _allocate(description: Any, held: Any, parameter: Tensor) -> Any:
    """What ``description`` says: ``held`` if it is that already."""
    if isinstance(description, list):
        members = held if isinstance(held, list) and len(held) == len(description) else [None] * len(description)
        return [_allocate(one, member, parameter) for one, member in zip(description, members, strict=True)]
    if not isinstance(description, dict):
        return description
    shape, dtype = description["shape"], getattr(torch, description["dtype"])
    if isinstance(held, Tensor) and list(held.shape) == shape and held.dtype == dtype:
        return held
    # Moments lie as their parameter does; single numbers (step counts) are kept in host memory, as torch does.
    if not shape:
        return torch.empty(shape, dtype=dtype)
    if list(parameter.shape) == shape:
        return torch.empty_like(parameter, dtype=dtype, requires_grad=False)
    return torch.empty(shape, dtype=dtype, device=parameter.device)


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [tensor for member in value for tensor in _tensors(member)] if isinstance(value, list) else []


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
