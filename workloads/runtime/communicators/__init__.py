"""Communicators: how ranks exchange gradients and measurements. The table below is all there are."""

from __future__ import annotations

from importlib import import_module

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


COMMUNICATORS = {
    "horovod": "workloads.runtime.communicators.horovod.HorovodCommunicator",
    "mpi": "workloads.runtime.communicators.mpi.MpiCommunicator",
    "torch": "workloads.runtime.communicators.torch.TorchCommunicator",
}
"""Classes by the names of ``orchestrator.records.choices``. One is loaded when ranks join it: its library is heavy,
and may be missing.
"""


def join(name: str) -> Communicator:
    """The communicator of that name, its ranks having found each other.

    Raises KeyError for an unknown name and CommunicatorMissingError if its library cannot be loaded.
    """
    module, _, kind = COMMUNICATORS[name].rpartition(".")
    communicator: Communicator = getattr(import_module(module), kind)()
    return communicator
