"""Groups of ranks. One group exchanges messages while the others sleep, so that waiting ranks take no
processor time.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from workloads.runtime.communicators.base import Communicator

NAP_SECONDS = 0.001


class Group(ABC):
    """Some of the ranks. All operations are collective over the group."""

    size: int

    @abstractmethod
    def sum(self, buffer: Tensor) -> None:
        """Replace the contiguous buffer by its sum over the group. This is the operation that is timed."""

    def mean(self, value: float) -> float:
        """Return the mean of a number over the group, on every rank of it."""
        total = torch.tensor([value], dtype=torch.float32, device=self.device)
        self.sum(total)
        return float(total.item()) / self.size

    device: torch.device


class Groups(ABC):
    """All ranks, which can be divided into groups. Collective over all ranks."""

    @abstractmethod
    def divide(self, members: Sequence[Sequence[int]]) -> Group | None:
        """Divide the ranks into these disjoint groups; return this rank's group, None if it is in none."""

    @abstractmethod
    def wait(self) -> None:
        """Return when every rank has called it. Early ranks sleep."""


def groups_of(communicator: Communicator, device: torch.device) -> Groups:
    """Return the groups for the communicator that carries the run's own messages."""
    return TorchGroups(communicator, device) if communicator.carrier == "torch.distributed" else MpiGroups()


class MpiGroups(Groups):
    """Parts of MPI_COMM_WORLD. Messages are in host memory."""

    def __init__(self) -> None:
        from mpi4py import MPI

        self._world = MPI.COMM_WORLD.Dup()
        self._undefined = MPI.UNDEFINED

    def divide(self, members: Sequence[Sequence[int]]) -> Group | None:
        """Divide the ranks by MPI_Comm_split."""
        colours = {rank: colour for colour, ranks in enumerate(members) for rank in ranks}
        part = self._world.Split(colours.get(self._world.rank, self._undefined), self._world.rank)
        return MpiGroup(part) if self._world.rank in colours else None

    def wait(self) -> None:
        """Wait for all ranks, testing from time to time, since MPI's own barrier spins."""
        request = self._world.Ibarrier()
        while not request.Test():
            time.sleep(NAP_SECONDS)


class MpiGroup(Group):
    """One part of MPI_COMM_WORLD."""

    device = torch.device("cpu")

    def __init__(self, part: object) -> None:
        from mpi4py import MPI

        assert isinstance(part, MPI.Intracomm)
        self._part, self._in_place = part, MPI.IN_PLACE
        self.size = part.size

    def sum(self, buffer: Tensor) -> None:
        """Sum by MPI_Allreduce in place."""
        self._part.Allreduce(self._in_place, buffer.numpy())


class TorchGroups(Groups):
    """Process groups of torch.distributed: NCCL for an accelerator's memory, gloo otherwise."""

    def __init__(self, communicator: Communicator, device: torch.device) -> None:
        self._communicator, self._device = communicator, device

    def divide(self, members: Sequence[Sequence[int]]) -> Group | None:
        """Make all groups; every rank takes part in making each of them."""
        import torch.distributed as dist

        mine = None
        for ranks in members:
            made = dist.new_group(list(ranks))
            if self._communicator.rank in ranks:
                mine = TorchGroup(made, len(ranks), self._device)
        return mine

    def wait(self) -> None:
        """Wait for all ranks by gloo, which sleeps."""
        self._communicator.barrier()


class TorchGroup(Group):
    """One process group."""

    def __init__(self, group: object, size: int, device: torch.device) -> None:
        self._group, self.size, self.device = group, size, device

    def sum(self, buffer: Tensor) -> None:
        """Sum by all_reduce, and wait for it on an accelerator."""
        import torch.distributed as dist

        dist.all_reduce(buffer, group=self._group)  # type: ignore[arg-type]
        if buffer.is_cuda:
            torch.cuda.synchronize(buffer.device)
