"""Ranks that talk through MPI, by mpi4py."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from mpi4py import MPI

from workloads.runtime.communicators.base import BUCKET_BYTES, Array, Bytes, Communicator, GradientReducer
from workloads.runtime.communicators.mpi_world import join_world

if TYPE_CHECKING:
    import torch
    from torch import nn


class MpiCommunicator(Communicator):
    """All ranks of MPI_COMM_WORLD. mpi4py finalises MPI when the process ends."""

    name = "mpi"

    def __init__(self) -> None:
        # A copy of the communicator, so that no other library's messages meet these.
        self._world = join_world().Dup()
        self._aside: MPI.Intracomm | None = None
        self.rank = self._world.rank
        self.size = self._world.size

    def reducer(
        self,
        model: nn.Module,
        device: torch.device,
        bucket_bytes: int = BUCKET_BYTES,
        unused_parameters: bool = False,
        compress: bool = False,
    ) -> GradientReducer:
        """A reducer for the gradients of ``model``; see ``Communicator``."""
        from workloads.runtime.communicators.alone import LoneReducer
        from workloads.runtime.communicators.buckets import FlatReducer
        from workloads.runtime.communicators.mpi_transport import MpiTransport

        if self.size == 1:
            return LoneReducer(model)
        return FlatReducer(model, self, MpiTransport(self._world), bucket_bytes, compress)

    def sum(self, array: Array) -> Array:
        """Element-wise sum over the ranks, the same array on every rank. Keeps dtype (float64, float32, int64)."""
        total = np.array(array, order="C")
        self._world.Allreduce(MPI.IN_PLACE, total)
        return total

    def sum_meanwhile(self, array: Array) -> Array:
        """``sum`` over a communicator of its own: on one, all ranks must start their operations in the same order."""
        if self._aside is None:
            self._aside = self._world.Dup()
        total = np.array(array, order="C")
        self._aside.Allreduce(MPI.IN_PLACE, total)
        return total

    def broadcast_bytes(self, data: Bytes, root: int) -> None:
        """Overwrite the bytes (n,) by those of ``root``; n is the same on every rank."""
        self._world.Bcast(data, root)

    def gather_bytes(self, data: Bytes) -> Bytes | None:
        """On rank 0 the ranks' bytes stacked, (R, n); None elsewhere. n is the same on every rank."""
        gathered = np.empty((self.size, data.size), np.uint8) if self.rank == 0 else None
        self._world.Gather(data, gathered)
        return gathered

    def barrier(self) -> None:
        """Return when every rank has called it."""
        self._world.Barrier()

    def close(self) -> None:
        """End the communication in order, when all ranks are done."""
        self.barrier()

    def abort(self, exit_code: int) -> NoReturn:
        """End all ranks now, from any one of them and from any thread. Does not return."""
        sys.stdout.flush()
        sys.stderr.flush()
        MPI.COMM_WORLD.Abort(exit_code)
        os._exit(exit_code)
