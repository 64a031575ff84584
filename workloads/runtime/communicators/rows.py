"""All ranks' rows on every rank, with gradients: what a loss needs that is coupled across the global batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from workloads.runtime.communicators.base import Communicator


class RowExchange:
    """One gathering of rows, of which each rank has a number of its own. Making it, and each call, is collective."""

    def __init__(self, communicator: Communicator, count: int) -> None:
        self.communicator = communicator
        counts = np.zeros(communicator.size, np.int64)
        counts[communicator.rank] = count
        counts = communicator.sum_in_step(counts)
        self.total = int(counts.sum())
        start = int(counts[: communicator.rank].sum())
        self.own = slice(start, start + count)

    def gather(self, rows: Tensor) -> Tensor:
        """The rows of all ranks (N, …), from this rank's (n, …)."""
        whole = rows.new_zeros((self.total, *rows.shape[1:]))
        whole[self.own] = rows
        return self._sum_tensor(whole)

    def collect(self, whole: Tensor) -> Tensor:
        """This rank's rows (n, …) of the sum over the ranks of (N, …)."""
        return self._sum_tensor(whole)[self.own]

    def _sum_tensor(self, tensor: Tensor) -> Tensor:
        # The sums' types hold what other types hold, so that rows come out as they went in.
        carried = torch.float32 if tensor.is_floating_point() else torch.int64
        if tensor.dtype == torch.float64:
            carried = torch.float64
        return torch.from_numpy(self.communicator.sum_in_step(tensor.to("cpu", carried).contiguous().numpy())).to(
            tensor
        )


class Gather(torch.autograd.Function):
    """(n, …) on each rank to (N, …) on every rank.

    A rank's loss depends on the rows of all ranks, so the gradient of a rank's rows is the sum over all ranks' losses.
    The reducer's mean over ranks then is the gradient of the ranks' mean loss.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, exchange: RowExchange) -> Tensor:
        """All ranks' rows."""
        ctx.exchange = exchange
        return exchange.gather(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The transposed map."""
        return Collect.apply(gradient, ctx.exchange), None  # type: ignore[no-untyped-call]


class Collect(torch.autograd.Function):
    """The transpose of ``Gather``: (N, …) on each rank, summed over the ranks, of which each keeps its own rows."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, exchange: RowExchange) -> Tensor:
        """This rank's rows of the sum."""
        ctx.exchange = exchange
        return exchange.collect(whole)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """The transposed map."""
        return Gather.apply(gradient, ctx.exchange), None  # type: ignore[no-untyped-call]
