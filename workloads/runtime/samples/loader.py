"""Reads batches ahead of the training loop, in threads, into buffers that are used over and over."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice

import numpy as np
import torch

from workloads.runtime.measurement.clocks import clock, seconds_since
from workloads.runtime.memory import page_aligned
from workloads.runtime.samples.sampler import Indices
from workloads.runtime.task import Arrays, Batch, SampleSet, to_device

MOST_READERS = 4
"""Threads that read for an accelerator, if there are cores for so many. One reads some 6 GB/s from the page cache (AMD
EPYC), and an H100 trains dms_scatter at 6.
"""

MOST_AT_ONCE, SMALL_BYTES = 8, 2**20
"""Batches that one call of a processor's reading thread reads, at most, and bytes of all of them. The thread takes the
training's core and Python's lock, and finds its code in no cache: after a step of a small ``gpt`` it reads 8 kB in 240
µs, and the next 8 kB in 25 (AMD EPYC).
"""


def readers_for(device: torch.device, cores: int) -> int:
    """How many threads should read for a rank with so many cores: beside a processor that trains one, since more would
    only take its cores; for an accelerator some, but for the core that starts its kernels.
    """
    return 1 if device.type == "cpu" else max(1, min(MOST_READERS, cores - 1))


class Loader:
    """Iterates over the batches at ``requests``, each read while earlier ones are worked on.

    A batch's arrays are valid until ``held`` further ones are asked for. An exception of the reading thread is raised
    here, in place of the first of the batches that were read by the same call.
    """

    def __init__(self, samples: SampleSet, largest: int, pin: bool = False, readers: int = 1, held: int = 1) -> None:
        self.samples = samples
        self.pin = pin
        self.readers = readers
        self.held = held
        first = samples.read(np.zeros(1, np.int64))
        size = largest * max(1, sum(array.nbytes for array in first.values()))
        self.at_once = max(1, min(MOST_AT_ONCE, SMALL_BYTES // size)) if readers == 1 else 1
        """Batches that are read by one call of a thread."""
        # Those in use, some ready, and some that each reader fills.
        self.buffers = [
            {name: buffer(largest, array, pin) for name, array in first.items()}
            for _ in range((readers + 1) * self.at_once + held)
        ]

    def on_device(
        self, requests: Iterable[Indices], device: torch.device, copies: DeviceCopies | None = None
    ) -> Generator[Batch, None, None]:
        """The batches in the order requested, as tensors on the device; ``copies`` is told when that had them."""
        with closing(self.iterate(requests)) as batches:
            for arrays in batches:
                if device.type != "cuda":
                    yield to_device(arrays, device)
                    continue
                begun, taken = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
                asked = clock()
                begun.record()
                batch = to_device(arrays, device)
                taken.record()
                if copies is not None:
                    copies.started.append((begun, taken, seconds_since(asked)))
                yield batch
                # An accelerator takes them when it comes to it, which may be after the next one is asked for.
                asked = clock()
                taken.synchronize()
                if copies is not None:
                    copies.stalled += seconds_since(asked)

    def iterate(self, requests: Iterable[Indices]) -> Generator[Arrays, None, None]:
        """The batches in the order requested."""
        waiting = iter(requests)
        free = deque(self.buffers)
        reading: deque[tuple[list[Arrays], Future[list[Arrays]]]] = deque()
        used: deque[Arrays] = deque()
        pool = ThreadPoolExecutor(self.readers, thread_name_prefix="loader")
        try:
            while True:
                while len(free) >= self.at_once and (some := list(islice(waiting, self.at_once))):
                    out = [free.popleft() for _ in some]
                    reading.append((out, pool.submit(self.read, some, out)))
                if not reading:
                    return
                out, batches = reading.popleft()
                for buffers, batch in zip(out, batches.result(), strict=True):
                    yield batch
                    used.append(buffers)
                    if len(used) == self.held:
                        free.append(used.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def read(self, requests: Sequence[Indices], out: Sequence[Arrays]) -> list[Arrays]:
        """The batches at some requests, each in a buffer of its own."""
        return [self.samples.read(indices, buffers) for indices, buffers in zip(requests, out, strict=True)]


class DeviceCopies:
    """What an accelerator's copies of a step's batches took, which the host only asks for."""

    def __init__(self) -> None:
        self.started: list[tuple[torch.cuda.Event, torch.cuda.Event, float]] = []
        """Events before and after each batch's copies, and the seconds that the host took to ask for them."""
        self.stalled = 0.0
        """Seconds that the host could not go on to its next batch as the device, at work, had yet to take the last."""

    def take(self, least: float, most: float) -> float:
        """Seconds by which the device waited longer for its batches than the host for theirs, since the last call.

        Negative where the host waited while the device computed. All copies must be done. By the clocks of two devices
        it may come out below ``least`` or above ``most``, which the host knows: then it is that.
        """
        if not self.started:
            return 0.0
        # While the host asks, or from memory that is not page-locked waits, its time counts already.
        longer = [max(0.0, float(begun.elapsed_time(taken)) / 1e3 - asking) for begun, taken, asking in self.started]
        seconds = sum(longer) - self.stalled
        self.started, self.stalled = [], 0.0
        return min(max(seconds, least), most)


class BatchesOfStep:
    """The batches of one step as they are asked for: again and again if they are ``repeated``."""

    def __init__(self, source: Iterator[Batch], repeated: bool) -> None:
        self.source = source
        self.repeated = repeated
        self.taken: list[Batch] = []
        self.waited = 0.0
        """Seconds that new batches were waited for."""

    def at(self, number: int) -> Batch:
        """The batch of that number; a new one must be the next."""
        if number < len(self.taken):
            return self.taken[number]
        asked = clock()
        batch = next(self.source)
        self.waited += seconds_since(asked)
        if self.repeated:
            self.taken.append(batch)
        return batch


def buffer(largest: int, like: np.ndarray, pin: bool) -> np.ndarray:
    """An array for ``largest`` samples like those given; page-locked if an accelerator shall copy from it."""
    shape = (largest, *like.shape[1:])
    if not pin:
        return page_aligned(shape, like.dtype)
    return torch.empty(shape, dtype=torch.from_numpy(like[:0]).dtype, pin_memory=True).numpy()
