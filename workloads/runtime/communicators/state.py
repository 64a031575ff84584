"""The state of an optimiser as a list of tensors, the same list on every rank."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Entry = tuple[int, str, list[int] | None, str, Any]
"""Parameter's index, key, shape (None for a plain number), dtype's name ("" likewise), the plain number."""


def describe_state(optimizer: torch.optim.Optimizer) -> list[Entry]:
    """What the optimiser holds for each parameter, in a fixed order and in terms that JSON can carry."""
    entries: list[Entry] = []
    for index, parameter in enumerate(_parameters(optimizer)):
        for key, value in sorted(optimizer.state.get(parameter, {}).items()):
            if isinstance(value, Tensor):
                entries.append((index, key, list(value.shape), str(value.dtype).removeprefix("torch."), None))
            else:
                entries.append((index, key, None, "", value))
    return entries


def allocate_state(optimizer: torch.optim.Optimizer, entries: list[Entry]) -> list[Tensor]:
    """The optimiser's tensors in the order of ``entries``; those it lacks are made, plain numbers are set."""
    parameters = _parameters(optimizer)
    tensors = []
    for index, key, shape, dtype_name, number in entries:
        parameter = parameters[index]
        state = optimizer.state[parameter]
        if shape is None:
            state[key] = number
            continue
        dtype = getattr(torch, dtype_name)
        held = state.get(key)
        if not (isinstance(held, Tensor) and list(held.shape) == shape and held.dtype == dtype):
            # Moments lie as their parameter does; anything else (step counts) is kept in host memory, as torch does.
            like = list(parameter.shape) == shape and bool(shape)
            state[key] = torch.empty_like(parameter, dtype=dtype) if like else torch.empty(shape, dtype=dtype)
            state[key].requires_grad_(False)
        tensors.append(state[key])
    return tensors


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]
