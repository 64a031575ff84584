"""Sums of gradients through MPI, which go on while others are computed."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass
from typing import Any

import torch
from mpi4py import MPI
from torch import Tensor

from workloads.runtime.communicators.buckets import Transport

CUDA_AWARE = "ORCHESTRATOR_MPI_CUDA_AWARE"
"""Set to 1 where the MPI library takes pointers to CUDA memory; otherwise gradients are staged in host memory."""


def _add_bfloat16(source: Any, target: Any, _: MPI.Datatype) -> None:
    summed = torch.frombuffer(target, dtype=torch.bfloat16)
    summed += torch.frombuffer(source, dtype=torch.bfloat16)


BFLOAT16_SUM = MPI.Op.Create(_add_bfloat16, commute=True)
"""MPI has neither this type nor its sum: the words travel as short integers."""


@dataclass
class _Staged:
    """A tensor on its way: ``sent`` is what MPI sums, ``written`` marks when its content is there."""

    tensor: Tensor
    sent: Tensor
    written: torch.cuda.Event | None

    def is_written(self) -> bool:
        """Whether ``sent`` may be read."""
        return self.written is None or bool(self.written.query())  # type: ignore[no-untyped-call]


class MpiTransport(Transport):
    """Non-blocking all-reduces, which move on whenever MPI is called: at each gradient, and in the end."""

    def __init__(self, world: MPI.Intracomm) -> None:
        self._world = world
        self._cuda_aware = os.environ.get(CUDA_AWARE) == "1"
        self._waiting: deque[_Staged] = deque()
        self._sent: list[_Staged] = []
        self._requests: list[MPI.Request] = []
        self._host_memory: dict[str, Tensor] = {}

    def start(self, tensor: Tensor, name: str) -> None:
        """Begin to sum the contiguous ``tensor``, named alike on every rank, once its pending writes are done."""
        if tensor.is_cuda:
            # The sum of bfloat16 words is formed here, on the host.
            direct = self._cuda_aware and tensor.dtype != torch.bfloat16
            sent = tensor if direct else self._pinned(tensor, name)
            if sent is not tensor:
                sent.copy_(tensor, non_blocking=True)
            written = torch.cuda.Event()  # type: ignore[no-untyped-call]
            written.record(torch.cuda.current_stream(tensor.device))
            self._waiting.append(_Staged(tensor, sent, written))
        else:
            self._waiting.append(_Staged(tensor, tensor, None))

    def progress(self) -> None:
        """Send what is written, in order, and let MPI move the sums on."""
        while self._waiting and self._waiting[0].is_written():
            self._send(self._waiting.popleft())
        if self._requests:
            MPI.Request.Testall(self._requests)

    def finish(self) -> None:
        """Return when all sums that were started are in their tensors (for CUDA: on the current stream)."""
        while self._waiting:
            staged = self._waiting.popleft()
            if staged.written is not None:
                staged.written.synchronize()
            self._send(staged)
        MPI.Request.Waitall(self._requests)
        for staged in self._sent:
            if staged.sent is not staged.tensor:
                staged.tensor.copy_(staged.sent, non_blocking=True)
        self._requests.clear()
        self._sent.clear()

    def _send(self, staged: _Staged) -> None:
        # mpi4py takes CUDA tensors by their array interface, host tensors as NumPy arrays.
        half = staged.sent.dtype == torch.bfloat16
        words = staged.sent.view(torch.int16) if half else staged.sent
        buffer = words if words.is_cuda else words.numpy()
        self._requests.append(self._world.Iallreduce(MPI.IN_PLACE, buffer, BFLOAT16_SUM if half else MPI.SUM))
        self._sent.append(staged)

    def _pinned(self, tensor: Tensor, name: str) -> Tensor:
        """Page-locked host memory for that tensor, kept from step to step."""
        held = self._host_memory.get(name)
        if held is None or held.shape != tensor.shape or held.dtype != tensor.dtype:
            held = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            self._host_memory[name] = held
        return held
