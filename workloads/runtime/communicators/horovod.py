"""Ranks that talk through Horovod."""

from __future__ import annotations

import itertools
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from workloads.runtime.binding import have_own_cores
from workloads.runtime.communicators.alone import LoneReducer
from workloads.runtime.communicators.base import (
    BUCKET_BYTES,
    Array,
    Bytes,
    Communicator,
    CommunicatorMissingError,
    GradientReducer,
)
from workloads.runtime.communicators.buckets import FlatReducer, Transport

try:
    import horovod.torch as hvd
except ImportError as error:
    raise CommunicatorMissingError(
        f"comm=horovod, but Horovod cannot be imported ({error}). "
        f"`make setup` builds it for this torch and MPI; comm=mpi and comm=torch do without it"
    ) from error


NICENESS = "HOROVOD_THREAD_NICENESS"
"""Environment variable, for machines whose ranks compute on every core: how far Horovod's own thread stands back.

That thread looks for messages all the time. At its default priority it takes that time from the computation (1.5 % of a
step where two ranks share two cores). Where a rank has a core to spare, or a network that is to be busy during the
backward pass, leave it unset. Without effect where ranks share a core: a rank that computes would hold up the messages
of one that waits.
"""


PIECE_BYTES = 4 * 2**20
"""A gradient in the host's memory is summed in pieces of this size, which stay in the processor's cache.

Two ranks of one machine sum 171 MiB in 20 ms so, and in 75 ms in one piece (Open MPI 5.0.11 on an AMD EPYC; 1 to 8 MiB
take as long as 4).
"""

LARGE_BYTES = 32 * 2**20
"""Where Horovod's thread stands back, the sum of a gradient as large as this is waited for as soon as it is there.

The ranks' computation has every core, so nothing is gained from going on meanwhile; and a thread that works between the
computation's turns loses its data from the cache each time, and takes the other's out of it. Two ranks on two cores
trained the 45 million parameters of dms_scatter at a weak efficiency of 0.83 without and 0.86 to 0.89 with this.
"""

FUSION = "HOROVOD_FUSION_THRESHOLD"
"""Environment variable: up to how many bytes Horovod copies together before it sums them. Our buckets are together."""


def started_threads(before: set[str]) -> set[str]:
    """Threads of this process, by number, that were not there before."""
    return {path.name for path in Path("/proc/self/task").iterdir()} - before


class HorovodCommunicator(Communicator):
    """Horovod over whatever it was built with (MPI, NCCL, Gloo)."""

    name = "horovod"

    def __init__(self) -> None:
        os.environ.setdefault(FUSION, "0")
        niceness = os.environ.get(NICENESS)
        before = started_threads(set()) if niceness else set()
        hvd.init()
        self._stands_back = bool(niceness) and have_own_cores(hvd.local_size(), os.environ)
        if self._stands_back:
            for thread in started_threads(before):
                os.setpriority(os.PRIO_PROCESS, int(thread), int(niceness or 0))
        self.rank: int = hvd.rank()
        self.size: int = hvd.size()
        self._aside: Any = None

    def reducer(
        self,
        model: nn.Module,
        device: torch.device,
        bucket_bytes: int = BUCKET_BYTES,
        unused_parameters: bool = False,
        compress: bool = False,
    ) -> GradientReducer:
        """A reducer for the gradients of ``model``; see ``Communicator``."""
        if device.type == "cuda":
            torch.cuda.set_device(device)
        if self.size == 1:
            return LoneReducer(model)
        return FlatReducer(model, self, HorovodTransport(self._stands_back), bucket_bytes, compress)

    def sum(self, array: Array) -> Array:
        """Element-wise sum over the ranks, the same array on every rank. Keeps dtype (float64, float32, int64)."""
        total: Array = hvd.allreduce(torch.from_numpy(np.array(array, order="C")), op=hvd.Sum, name="sum").numpy()
        return total

    def sum_meanwhile(self, array: Array) -> Array:
        """``sum``, by MPI itself where Horovod shares it: Horovod's thread looks for messages once a cycle, and a loss
        that is coupled across ranks waits for a dozen of them in every step.
        """
        library = shared_mpi()
        if library is None or not hvd.mpi_threads_supported():
            return self.sum(array)
        if self._aside is None:
            self._aside = library.COMM_WORLD.Dup()
        total = np.array(array, order="C")
        self._aside.Allreduce(library.IN_PLACE, total)
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
        library = shared_mpi()
        if library is not None:
            library.COMM_WORLD.Abort(exit_code)
        os._exit(exit_code)


def shared_mpi() -> Any:
    """The module ``mpi4py.MPI``, if Horovod's messages travel by MPI and it is running, else None. Horovod begins and
    ends it.
    """
    if not hvd.mpi_built():
        return None
    import mpi4py

    mpi4py.rc.initialize = False
    from mpi4py import MPI

    return MPI if MPI.Is_initialized() and not MPI.Is_finalized() else None


class HorovodTransport(Transport):
    """Horovod's own thread carries the sums; this rank only hands them over and waits."""

    def __init__(self, stands_back: bool) -> None:
        """``stands_back``: Horovod's thread has no core of its own and gives way to the computation."""
        self._stands_back = stands_back
        self._handles: list[int] = []
        self._exchanges: list[_Exchange] = []

    def start(self, tensor: Tensor, name: str) -> None:
        """Begin to sum the contiguous ``tensor``, named alike on every rank, once its pending writes are done."""
        if tensor.dtype == torch.bfloat16:
            self._exchanges.append(_Exchange(tensor, name))
            return
        length = PIECE_BYTES // tensor.element_size() if tensor.device.type == "cpu" else tensor.numel()
        pieces = torch.split(tensor, length)  # type: ignore[no-untyped-call]
        for number, piece in enumerate(pieces):
            self._handles.append(hvd.allreduce_async_(piece, op=hvd.Sum, name=f"{name}.{number}"))
        if self._stands_back and tensor.device.type == "cpu" and tensor.nbytes >= LARGE_BYTES:
            self._wait()

    def progress(self) -> None:
        """Sum the parts that have come in and send them on."""
        for exchange in self._exchanges:
            exchange.send_on(wait=False)

    def finish(self) -> None:
        """Return when all sums that were started are in their tensors (for CUDA: on the current stream)."""
        for exchange in self._exchanges:
            exchange.send_on(wait=True)
        for exchange in self._exchanges:
            exchange.finish()
        self._exchanges.clear()
        self._wait()

    def _wait(self) -> None:
        for handle in self._handles:
            hvd.synchronize(handle)
        self._handles.clear()


class _Exchange:
    """The sum of a bfloat16 tensor, which Horovod cannot form: every rank sums a part of it and gives that to all.

    As many bytes as an all-reduce sends, and each element is rounded once whatever the number of ranks.
    """

    def __init__(self, tensor: Tensor, name: str) -> None:
        self._tensor, self._name = tensor, name
        ranks, count = hvd.size(), tensor.numel()
        bounds = [count * part // ranks for part in range(ranks + 1)]
        lengths = [stop - start for start, stop in itertools.pairwise(bounds)]
        self._own = lengths[hvd.rank()]
        # Nothing is computed with them on the way, so half-precision words of another kind will do.
        self._parts: int | None = hvd.alltoall_async(
            tensor.view(torch.float16), torch.tensor(lengths, dtype=torch.int32), name=f"{name}.parts"
        )
        self._sums = 0

    def send_on(self, wait: bool) -> None:
        """Once all ranks' versions of this rank's part are here, sum them and start to give the sum to all."""
        if self._parts is None or not (wait or hvd.poll(self._parts)):
            return
        received, _ = hvd.synchronize(self._parts)
        self._parts = None
        part = received.view(torch.bfloat16).view(hvd.size(), self._own).sum(0, dtype=torch.float32).to(torch.bfloat16)
        self._sums = hvd.allgather_async(part.view(torch.float16), name=f"{self._name}.sums")

    def finish(self) -> None:
        """Wait for all parts of the sum."""
        self._tensor.copy_(hvd.synchronize(self._sums).view(torch.bfloat16))
