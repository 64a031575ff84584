"""Tensors that every step needs and none changes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class Constant:
    """A tensor that is made once, and of which each device and type of number has one copy: what a step copies to an
    accelerator, the accelerator waits for.
    """

    def __init__(self, make: Callable[[], Tensor]) -> None:
        """``make`` gives it on the processor, in the precision that it is to be computed in."""
        self.make = make
        self.copies: dict[tuple[torch.device, torch.dtype], Tensor] = {}

    def like(self, other: Tensor) -> Tensor:
        """It where ``other`` is, and of its type."""
        key = other.device, other.dtype
        if key not in self.copies:
            # What is made in inference mode could be no part of a gradient afterwards.
            with torch.inference_mode(False):
                self.copies[key] = self.make().to(*key)
        return self.copies[key]
