"""Ranks that talk through Horovod."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from workloads.runtime.communicators.base import BUCKET_BYTES, Array, Bytes, Communicator, CommunicatorMissingError
from workloads.runtime.communicators.buckets import FlatReducer, Transport

try:
    import horovod.torch as hvd
except ImportError as error:
    raise CommunicatorMissingError(
        f"comm=horovod, but Horovod cannot be imported ({error}). "
        f"`make setup` builds it for this torch and MPI; comm=mpi and comm=torch do without it"
    ) from error


class HorovodCommunicator(Communicator):
    """Horovod over whatever it was built with (MPI, NCCL, Gloo)."""

    name = "horovod"

    def __init__(self) -> None:
        hvd.init()
        self.rank: int = hvd.rank()
        self.size: int = hvd.size()

    def reducer(
        self,
        model: nn.Module,
        device: torch.device,
        bucket_bytes: int = BUCKET_BYTES,
        unused_parameters: bool = False,
    ) -> FlatReducer:
        """A reducer for the gradients of ``model``; see ``Communicator``."""
        if device.type == "cuda":
            torch.cuda.set_device(device)
        return FlatReducer(model, self, HorovodTransport(), bucket_bytes)

    def sum(self, array: Array) -> Array:
        """Element-wise sum over the ranks, the same array on every rank. Keeps dtype (float64, float32, int64)."""
        total: Array = hvd.allreduce(torch.from_numpy(np.array(array, order="C")), op=hvd.Sum, name="sum").numpy()
        return total

    def broadcast_bytes(self, data: Bytes, root: int) -> None:
        """Overwrite the bytes (n,) by those of ``root``; n is the same on every rank."""
        if data.size:
            hvd.broadcast_(torch.from_numpy(data), root, name="broadcast")

    def gather_bytes(self, data: Bytes) -> Bytes | None:
        """On rank 0 the ranks' bytes stacked, (R, n); None elsewhere. n is the same on every rank."""
        # An all-to-all in which everything goes to rank 0: an all-gather would fill the memory of every rank.
        splits = torch.zeros(self.size, dtype=torch.int32)
        splits[0] = data.size
        gathered, _ = hvd.alltoall(torch.from_numpy(np.array(data)), splits, name="gather")
        return gathered.numpy().reshape(self.size, data.size) if self.rank == 0 else None

    def barrier(self) -> None:
        """Return when every rank has called it."""
        hvd.barrier()

    def close(self) -> None:
        """End the communication in order, when all ranks are done."""
        self.barrier()
        hvd.shutdown()

    def abort(self, exit_code: int) -> NoReturn:
        """End all ranks now, from any one of them and from any thread. Does not return."""
        sys.stdout.flush()
        sys.stderr.flush()
        if hvd.mpi_built():
            import mpi4py

            mpi4py.rc.initialize = False
            from mpi4py import MPI

            if MPI.Is_initialized() and not MPI.Is_finalized():
                MPI.COMM_WORLD.Abort(exit_code)
        os._exit(exit_code)


class HorovodTransport(Transport):
    """Horovod's own thread carries the sums; this rank only hands them over and waits."""

    def __init__(self) -> None:
        self._handles: list[int] = []

    def start(self, tensor: Tensor, name: str) -> None:
        """Begin to sum the contiguous ``tensor``, named alike on every rank, once its pending writes are done."""
        self._handles.append(hvd.allreduce_async_(tensor, op=hvd.Sum, name=name))

    def progress(self) -> None:
        """Nothing to do."""

    def finish(self) -> None:
        """Return when all sums that were started are in their tensors (for CUDA: on the current stream)."""
        for handle in self._handles:
            hvd.synchronize(handle)
        self._handles.clear()
