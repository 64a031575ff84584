"""Communicators: how ranks exchange gradients and measurements. The table below is all there are."""

from __future__ import annotations

from workloads.runtime.communicators.base import (
    Communicator,
    CommunicatorMissingError,
    GradientReducer,
    Timings,
    WorldSizeError,
)

__all__ = [
    "COMMUNICATORS",
    "Communicator",
    "CommunicatorMissingError",
    "GradientReducer",
    "Timings",
    "WorldSizeError",
    "join",
]


def _horovod() -> Communicator:
    from workloads.runtime.communicators.horovod import HorovodCommunicator

    return HorovodCommunicator()


def _mpi() -> Communicator:
    from workloads.runtime.communicators.mpi import MpiCommunicator

    return MpiCommunicator()


def _torch() -> Communicator:
    from workloads.runtime.communicators.torch import TorchCommunicator

    return TorchCommunicator()


COMMUNICATORS = {"horovod": _horovod, "mpi": _mpi, "torch": _torch}


def join(name: str) -> Communicator:
    """The communicator of that name, its ranks having found each other.

    Raises KeyError for an unknown name and CommunicatorMissingError if its library cannot be loaded.
    """
    return COMMUNICATORS[name]()
