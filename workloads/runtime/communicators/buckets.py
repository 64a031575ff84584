"""Gradients in flat buckets, summed over the ranks while the backward pass goes on.

One message for many small gradients, started as soon as the last of them is computed: the scheme of Li et al.,
"PyTorch Distributed: Experiences on Accelerating Data Parallel Training", VLDB 2020, §3.2. What carries the messages
is a ``Transport``.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from workloads.runtime.communicators.base import Communicator, GradientReducer, Timings

ALIGNMENT_BYTES = 64
FEWEST_BUCKETS = 8
"""A small model is divided into so many, or its messages would all start when the backward pass has ended."""
SMALLEST_BUCKET_BYTES = 64 * 2**10
REDUCED_AS = {torch.float16: torch.float32, torch.bfloat16: torch.float32}
"""Half-precision gradients travel as float32: MPI has no such types, and their sums would lose digits."""


def reduced_type(parameter: nn.Parameter, compress: bool) -> torch.dtype:
    """The type in which a parameter's gradient travels."""
    if compress and parameter.dtype == torch.float32:
        return torch.bfloat16
    return REDUCED_AS.get(parameter.dtype, parameter.dtype)


class Transport(ABC):
    """Sums flat tensors over the ranks, in place. All ranks start the same tensors in the same order.

    A transport takes float32 and float64, and bfloat16 for compressed gradients.
    """

    @abstractmethod
    def start(self, tensor: Tensor, name: str) -> None:
        """Begin to sum the contiguous ``tensor``, named alike on every rank, once its pending writes are done."""

    @abstractmethod
    def progress(self) -> None:
        """Move the sums on, if that takes this rank's own time. Called often, so quick."""

    @abstractmethod
    def finish(self) -> None:
        """Return when all sums that were started are in their tensors (for CUDA: on the current stream)."""


class Bucket(ABC):
    """The gradients of some parameters that are summed as one flat tensor."""

    def __init__(self, parameters: Sequence[nn.Parameter]) -> None:
        self.parameters = tuple(parameters)
        self.missing = set(range(len(parameters)))

    @property
    @abstractmethod
    def reduced(self) -> Tensor:
        """What is summed over the ranks, one-dimensional and contiguous."""

    @abstractmethod
    def contribute(self, slot: int) -> None:
        """Have one parameter's gradient (zero if it has none) in its place, and its place in ``grad``."""

    def complete(self) -> None:
        """Make the sums the gradients, and await the next step's."""
        self.missing = set(range(len(self.parameters)))


class SharedBucket(Bucket):
    """Many gradients, all of one dtype and device, copied end to end into one flat tensor."""

    def __init__(self, parameters: Sequence[nn.Parameter], room: int = 0, compress: bool = False) -> None:
        """``room`` is how many numbers more are to be summed, after the gradients."""
        super().__init__(parameters)
        first = parameters[0]
        padding = ALIGNMENT_BYTES // first.element_size()
        lengths = [-(-parameter.numel() // padding) * padding for parameter in parameters]
        self.flat = torch.zeros(sum(lengths) + room, dtype=first.dtype, device=first.device)
        reduced_as = reduced_type(first, compress)
        self._reduced = self.flat if reduced_as == first.dtype else self.flat.to(reduced_as)
        self.gradients = _views(self.flat, lengths, parameters)
        self.contributions = _views(self._reduced, lengths, parameters)

    @property
    def reduced(self) -> Tensor:
        """Gradients, padding, room."""
        return self._reduced

    def contribute(self, slot: int) -> None:
        """Copy one parameter's gradient to its place."""
        parameter, contribution = self.parameters[slot], self.contributions[slot]
        if parameter.grad is None:
            contribution.zero_()
        else:
            contribution.copy_(parameter.grad)
        parameter.grad = self.gradients[slot]
        self.missing.discard(slot)

    def complete(self) -> None:
        """Make the sums the gradients, and await the next step's."""
        if self._reduced is not self.flat:
            self.flat.copy_(self._reduced)
        super().complete()


class OwnBucket(Bucket):
    """One large gradient, summed in the memory that the backward pass put it in: copying it would take as long."""

    def __init__(self, parameter: nn.Parameter) -> None:
        super().__init__([parameter])

    @property
    def reduced(self) -> Tensor:
        """All of the gradient, in the order in which it lies in memory."""
        gradient = self.parameters[0].grad
        assert gradient is not None, "asked for before it was contributed"
        return gradient.as_strided((gradient.numel(),), (1,))

    def contribute(self, slot: int) -> None:
        """Make sure that the gradient is there and lies in memory as its parameter does, on every rank alike."""
        parameter = self.parameters[slot]
        place = torch.empty_like(parameter, device="meta")
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        elif parameter.grad.stride() != place.stride():
            parameter.grad = torch.empty_like(parameter).copy_(parameter.grad)
        self.missing.discard(slot)


class FlatReducer(GradientReducer):
    """Averages gradients through flat buckets; see ``GradientReducer``."""

    def __init__(
        self,
        model: nn.Module,
        communicator: Communicator,
        transport: Transport,
        bucket_bytes: int,
        compress: bool = False,
    ) -> None:
        self.timings = Timings()
        self._compress = compress
        self._model = model
        self._communicator = communicator
        self._transport = transport
        # Layers are mostly registered in the order of the forward pass, so their gradients come in reverse.
        self._parameters = [parameter for parameter in reversed(list(model.parameters())) if parameter.requires_grad]
        total = sum(parameter.nbytes for parameter in self._parameters)
        self._bucket_bytes = min(bucket_bytes, max(total // FEWEST_BUCKETS, SMALLEST_BUCKET_BYTES))
        self._devices = {parameter.device for parameter in self._parameters}
        self._arrived: list[int] | None = []
        self._reducing = False
        self._started = 0
        self._held_up = 0.0
        self._build(range(len(self._parameters)))
        for index, parameter in enumerate(self._parameters):
            parameter.register_post_accumulate_grad_hook(self._hook(index))  # type: ignore[no-untyped-call]

    @property
    def module(self) -> nn.Module:
        """The model itself."""
        return self._model

    def backward(self, loss: Tensor, last: bool = True) -> None:
        """Accumulate gradients of ``loss``; if ``last``, return only when the averages are in ``grad``."""
        self._started = 0
        self._reducing = last
        self._held_up = 0.0
        if last and self.flag_raised:
            self._flag.fill_(1.0)
        # Scaled here, no gradient has to be.
        (loss / self._communicator.size).backward()  # type: ignore[no-untyped-call]
        self._reducing = False
        if not last:
            return
        self._synchronise_devices()
        self.timings.gradients_ready = time.perf_counter()
        self.timings.within_backward = self._held_up
        self._start_incomplete()
        self._transport.finish()
        for bucket in self._buckets:
            bucket.complete()
        self._synchronise_devices()
        self.timings.gradients_averaged = time.perf_counter()
        # A sum of zeros is the zero that the next step needs: nothing is written where nobody raises a flag.
        self.flag_seen = bool(self._flag.item())
        if self.flag_seen:
            self._flag.zero_()
        if self._arrived is not None:
            self._order_by_arrival(self._arrived)
            self._arrived = None

    def _build(self, order: Sequence[int]) -> None:
        """Lay out the parameters of those indices in buckets, which are reduced in order of their last member."""
        open_groups: dict[tuple[torch.dtype, torch.device], list[int]] = {}
        groups: list[list[int]] = []
        for index in order:
            parameter = self._parameters[index]
            # The last never: the flag needs a bucket with room.
            if index != order[-1] and self._is_large(parameter):
                groups.append([index])
                continue
            group = open_groups.setdefault((parameter.dtype, parameter.device), [])
            group.append(index)
            if sum(self._parameters[member].nbytes for member in group) >= self._bucket_bytes:
                groups.append(open_groups.pop((parameter.dtype, parameter.device)))
        groups += open_groups.values()
        self._buckets: list[Bucket] = []
        for number, group in enumerate(groups):
            parameters = [self._parameters[index] for index in group]
            last = number == len(groups) - 1
            if not last and len(group) == 1 and self._is_large(parameters[0]):
                self._buckets.append(OwnBucket(parameters[0]))
            else:
                self._buckets.append(SharedBucket(parameters, int(last), self._compress))
        self._flag = self._buckets[-1].reduced[-1:]
        self._places = {
            index: (bucket, slot)
            for bucket, group in zip(self._buckets, groups, strict=True)
            for slot, index in enumerate(group)
        }

    def _is_large(self, parameter: nn.Parameter) -> bool:
        """Whether its gradient fills a bucket and travels as it is."""
        return parameter.nbytes >= self._bucket_bytes and reduced_type(parameter, self._compress) == parameter.dtype

    def _order_by_arrival(self, arrived: list[int]) -> None:
        """Rebuild the buckets in the order in which rank 0's gradients came in its first step."""
        late = sorted(set(range(len(self._parameters))) - set(arrived))
        order = torch.tensor(arrived + late)
        self._communicator.broadcast([order])
        averages = [parameter.grad for parameter in self._parameters]
        self._build(order.tolist())
        for index, average in enumerate(averages):
            bucket, slot = self._places[index]
            if isinstance(bucket, SharedBucket):
                if average is not None:
                    bucket.gradients[slot].copy_(average)
                self._parameters[index].grad = bucket.gradients[slot]

    def _hook(self, index: int) -> Callable[[Tensor], None]:
        def gradient_is_accumulated(_: Tensor) -> None:
            if not self._reducing:
                return
            if self._arrived is not None:
                self._arrived.append(index)
            begin = time.perf_counter()
            bucket, slot = self._places[index]
            bucket.contribute(slot)
            self._start_complete()
            self._transport.progress()
            self._held_up += time.perf_counter() - begin

        return gradient_is_accumulated

    def _start_complete(self) -> None:
        """Start the complete buckets, never one before those ahead of it: ranks must agree on the order."""
        while self._started < len(self._buckets) and not self._buckets[self._started].missing:
            self._transport.start(self._buckets[self._started].reduced, f"gradients.{self._started}")
            self._started += 1

    def _start_incomplete(self) -> None:
        """Let parameters without a gradient contribute zero, so that every bucket is reduced on every rank."""
        for bucket in self._buckets[self._started :]:
            for slot in sorted(bucket.missing):
                bucket.contribute(slot)
        self._start_complete()

    def _synchronise_devices(self) -> None:
        """Wait for accelerators, so that times read on the host are those of the work."""
        for device in self._devices:
            if device.type == "cuda":
                torch.cuda.current_stream(device).synchronize()


def _views(flat: Tensor, lengths: Sequence[int], parameters: Sequence[nn.Parameter]) -> list[Tensor]:
    """The parts of ``flat`` that hold the gradients, each in the memory format of its parameter."""
    views, offset = [], 0
    for length, parameter in zip(lengths, parameters, strict=True):
        # empty_like keeps the strides of any dense format and replaces those of others.
        strides = torch.empty_like(parameter, device="meta").stride()
        views.append(flat.as_strided(parameter.shape, strides, offset))
        offset += length
    return views
