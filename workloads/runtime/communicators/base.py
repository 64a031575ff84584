"""The one interface through which ranks talk to each other, whatever carries it."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import numpy as np
import numpy.typing as npt

# A job that computes nothing joins, counts and reports without torch, which takes longest to load.
if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn
    from typing_extensions import Self

Array = npt.NDArray[Any]
Bytes = npt.NDArray[np.uint8]

BUCKET_BYTES = 4 * 2**20
"""Size of a gradient message unless told otherwise."""

BROADCAST_BYTES = 64 * 2**20
"""How much of a model's state is packed into one message: well below MPI's 2³¹-element counts."""


class CommunicatorMissingError(RuntimeError):
    """The library that a communicator stands on is not installed, or does not load."""


class WorldSizeError(RuntimeError):
    """The ranks that found each other are not the ranks that were planned."""


@dataclass
class Timings:
    """What a reducer measured of the newest step, in seconds of ``time.perf_counter``.

    ``gradients_ready`` is when this rank's own last gradient was computed; ``gradients_averaged`` when the averages
    were there to be used. ``within_backward`` is how long the backward pass itself was held up by the exchange before
    that: by starting sums, moving them on, or waiting for one.
    """

    gradients_ready: float = 0.0
    gradients_averaged: float = 0.0
    within_backward: float = 0.0

    @property
    def waited(self) -> float:
        """Seconds that the exchange took of this rank's time: within the backward pass, and after it."""
        return self.within_backward + max(0.0, self.gradients_averaged - self.gradients_ready)


class GradientReducer(ABC):
    """Averages the gradients of one model over the ranks, overlapping with the backward pass where it can.

    The loop calls ``backward(loss)`` for each micro-batch, however the loss came about, with ``last=True`` for the one
    whose end the optimiser step follows. After that call every parameter's ``grad`` holds
    the mean over all ranks of what the ranks accumulated, a rank that did not use the parameter counting as zero.
    Parameters of any dense memory format are taken (channels_last too). Every rank makes the same calls: one without
    samples of its own calls ``backward`` on a loss of weight zero.

    With the gradients travels a flag, one number more in a message that is sent anyway: when any rank has raised it
    before a ``backward(last=True)``, all ranks see it after that very call. So ranks agree on a step without asking.
    """

    timings: Timings
    flag_raised: bool = False
    """Set by this rank, to be seen by all after the next step."""
    flag_seen: bool = False
    """Whether any rank had raised its flag in the newest step: the same on every rank."""

    @property
    @abstractmethod
    def module(self) -> nn.Module:
        """What to compile: the model, or a wrapper that has gradients travel while others are computed."""

    @abstractmethod
    def backward(self, loss: Tensor, last: bool = True) -> None:
        """Accumulate gradients of ``loss``; if ``last``, return only when the averages are in ``grad``."""


class Communicator(ABC):
    """A group of ranks. As a context manager it ends in order when left normally, and does nothing when left by an
    error: then the other ranks still wait, and whoever reports the error calls ``abort``.

    All operations but ``abort`` are collective: every rank calls them, in the same order.
    """

    name: str
    carrier: Literal["mpi", "torch.distributed"] = "mpi"
    """What its messages travel through, and parts of the ranks can be grouped by."""
    rank: int
    size: int
    seconds_in_steps: float = 0.0
    """Seconds that ``sum_in_step`` has taken so far, waiting for other ranks included."""

    @abstractmethod
    def reducer(
        self,
        model: nn.Module,
        device: torch.device,
        bucket_bytes: int = BUCKET_BYTES,
        unused_parameters: bool = False,
        compress: bool = False,
    ) -> GradientReducer:
        """A reducer for the gradients of ``model``, which lies on ``device``.

        ``bucket_bytes`` is about the size of one message. ``unused_parameters`` says that in some steps some
        parameters take no part in the loss, which only torch must be told. ``compress`` has float32 gradients travel
        as bfloat16: half the bytes, eight bits of each number.
        """

    @abstractmethod
    def sum(self, array: Array) -> Array:
        """Element-wise sum over the ranks, the same array on every rank. Keeps dtype (float64, float32, int64)."""

    @abstractmethod
    def broadcast_bytes(self, data: Bytes, root: int) -> None:
        """Overwrite the bytes (n,) by those of ``root``; n is the same on every rank."""

    @abstractmethod
    def gather_bytes(self, data: Bytes) -> Bytes | None:
        """On rank 0 the ranks' bytes stacked, (R, n); None elsewhere. n is the same on every rank."""

    @abstractmethod
    def barrier(self) -> None:
        """Return when every rank has called it."""

    @abstractmethod
    def close(self) -> None:
        """End the communication in order, when all ranks are done."""

    @abstractmethod
    def abort(self, exit_code: int) -> NoReturn:
        """End all ranks now, from any one of them and from any thread. Does not return."""

    def broadcast(self, tensors: Sequence[Tensor], root: int = 0) -> None:
        """Overwrite the tensors (any dtype, any dense layout, any device) by those of ``root``."""
        import torch

        for group in _groups(tensors, BROADCAST_BYTES):
            packed = torch.cat([_bytes_of(tensor) for tensor in group])
            self.broadcast_bytes(packed.numpy(), root)
            if self.rank == root:
                continue
            pieces = torch.split(packed, [tensor.numel() * tensor.element_size() for tensor in group])
            for tensor, piece in zip(group, pieces, strict=True):
                # The clone starts at an address that suits any type.
                tensor.detach().copy_(piece.clone().view(tensor.dtype).view(tensor.shape))

    def broadcast_text(self, text: str, root: int = 0) -> str:
        """The text of ``root``, on every rank."""
        length = np.array([len(text.encode())], np.int64)
        self.broadcast_bytes(length.view(np.uint8), root)
        packed = pack_text(text, int(length[0]))
        self.broadcast_bytes(packed, root)
        return packed.tobytes().decode()

    def gather(self, array: Array) -> Array | None:
        """On rank 0 the ranks' arrays (all of one shape and dtype) stacked, (R, …); None elsewhere."""
        gathered = self.gather_bytes(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        return None if gathered is None else gathered.view(array.dtype).reshape(self.size, *array.shape)

    def gather_text(self, text: str) -> list[str] | None:
        """On rank 0 the ranks' texts in order; None elsewhere."""
        lengths = np.zeros(self.size, np.int64)
        lengths[self.rank] = len(text.encode())
        lengths = self.sum(lengths)
        gathered = self.gather_bytes(pack_text(text, int(lengths.max())))
        if gathered is None:
            return None
        return [row[:length].tobytes().decode() for row, length in zip(gathered, lengths, strict=True)]

    def check_world(self, expected: int) -> None:
        """Raise WorldSizeError unless exactly the planned ranks are here.

        A launcher that sets up nothing gives every process a world of one, which would then time nonsense.
        """
        if self.size != expected:
            raise WorldSizeError(
                f"planned for {expected} ranks, but this rank finds a world of {self.size} under comm={self.name}. "
                f"The launcher and the MPI library do not fit together: see `python -m orchestrator doctor`"
            )

    def sum_meanwhile(self, array: Array) -> Array:
        """``sum``, which may be called while a reducer's messages are under way: their order need not agree."""
        return self.sum(array)

    def sum_in_step(self, array: Array) -> Array:
        """``sum_meanwhile``, of what a loss needs of all ranks; the time it takes is counted."""
        begin = time.perf_counter()
        summed = self.sum_meanwhile(array)
        self.seconds_in_steps += time.perf_counter() - begin
        return summed

    def gather_rows(self, rows: Tensor) -> Tensor:
        """The rows of all ranks (N, …), in order of the ranks, from this rank's (n, …): on every rank, with gradients
        of any order. The ranks may have different numbers of rows, or none.

        The rows travel through host memory, in a sum to which each rank adds its own: at most twice an all-gather's
        bytes.
        """
        from workloads.runtime.communicators.rows import Gather, RowExchange

        if self.size == 1:
            return rows
        gathered: Tensor = Gather.apply(rows, RowExchange(self, len(rows)))  # type: ignore[no-untyped-call]
        return gathered

    def broadcast_state(self, model: nn.Module, optimizers: Mapping[str, torch.optim.Optimizer] | None = None) -> None:
        """Give every rank rank 0's parameters, buffers and the optimisers' states (step counts included).

        Only rank 0's optimisers need have a state, as when rank 0 alone has read a checkpoint. Parameter groups
        (learning rates and such) are left as they are: every rank has them from the configuration.
        """
        from workloads.runtime.communicators.state import allocate_state, describe_state

        self.broadcast([*model.parameters(), *model.buffers()])
        for _, optimizer in sorted((optimizers or {}).items()):
            layout = self.broadcast_text(json.dumps(describe_state(optimizer)))
            self.broadcast(allocate_state(optimizer, json.loads(layout)))

    def mean_buffers(self, model: nn.Module) -> None:
        """Average floating-point buffers (batch-norm statistics) over the ranks, so that all evaluate one model."""
        import torch

        buffers = [buffer for buffer in model.buffers() if buffer.is_floating_point()]
        if self.size == 1 or not buffers:
            return
        flat = torch.cat([buffer.detach().reshape(-1).double().cpu() for buffer in buffers]).numpy()
        mean = torch.from_numpy(self.sum(flat) / self.size)
        offset = 0
        for buffer in buffers:
            count = buffer.numel()
            buffer.copy_(mean[offset : offset + count].reshape(buffer.shape))
            offset += count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def pack_text(text: str, length: int) -> Bytes:
    """The UTF-8 bytes of a text, cut or zero-padded to ``length``."""
    encoded = text.encode()[:length]
    padded = np.zeros(length, np.uint8)
    padded[: len(encoded)] = np.frombuffer(encoded, np.uint8)
    return padded


def _bytes_of(tensor: Tensor) -> Tensor:
    """The tensor's elements in logical order, (n,) uint8 in host memory: layouts may differ between ranks."""
    import torch

    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)


def _groups(tensors: Sequence[Tensor], most_bytes: int) -> Iterator[list[Tensor]]:
    """The tensors in order, in groups of at most ``most_bytes`` (a larger tensor is a group of its own)."""
    group: list[Tensor] = []
    held = 0
    for tensor in tensors:
        count = tensor.numel() * tensor.element_size()
        if group and held + count > most_bytes:
            yield group
            group, held = [], 0
        group.append(tensor)
        held += count
    if group:
        yield group
