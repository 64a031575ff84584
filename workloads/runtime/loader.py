"""Reads batches ahead of the training loop, in a thread, into buffers that are used over and over."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from contextlib import closing

import numpy as np
import torch

from workloads.runtime.memory import page_aligned
from workloads.runtime.sampler import Indices
from workloads.runtime.task import Arrays, Batch, SampleSet, to_device

DEPTH = 3
"""Buffers in turn: one in use, one ready, one being filled."""


class Loader:
    """Iterates over the batches at ``requests``, each read while earlier ones are worked on.

    A batch's arrays are valid until the next one is asked for. An exception of the reading thread is raised here.
    """

    def __init__(self, samples: SampleSet, largest: int, pin: bool = False) -> None:
        self.samples = samples
        first = samples.read(np.zeros(1, np.int64))
        self.buffers = [{name: buffer(largest, array, pin) for name, array in first.items()} for _ in range(DEPTH)]

    def on_device(self, requests: Iterable[Indices], device: torch.device) -> Generator[Batch, None, None]:
        """The batches in the order requested, as tensors on the device."""
        with closing(self.iterate(requests)) as batches:
            for arrays in batches:
                batch = to_device(arrays, device)
                if device.type != "cuda":
                    yield batch
                    continue
                # An accelerator takes them when it comes to it, which may be after the next one is asked for.
                taken = torch.cuda.Event()  # type: ignore[no-untyped-call]
                taken.record()
                yield batch
                taken.synchronize()

    def iterate(self, requests: Iterable[Indices]) -> Generator[Arrays, None, None]:
        """The batches in the order requested."""
        ready: queue.Queue[Arrays | BaseException | None] = queue.Queue()
        free: queue.Queue[Arrays | None] = queue.Queue()
        for item in self.buffers:
            free.put(item)

        def read() -> None:
            try:
                for indices in requests:
                    out = free.get()
                    if out is None:
                        return
                    ready.put(self.samples.read(indices, out))
                ready.put(None)
            except BaseException as error:
                ready.put(error)

        reader = threading.Thread(target=read, name="loader", daemon=True)
        reader.start()
        try:
            used = 0
            while True:
                batch = ready.get()
                if batch is None:
                    return
                if isinstance(batch, BaseException):
                    raise batch
                yield batch
                free.put(self.buffers[used % DEPTH])
                used += 1
        finally:
            free.put(None)
            reader.join()


def buffer(largest: int, like: np.ndarray, pin: bool) -> np.ndarray:
    """An array for ``largest`` samples like those given; page-locked if an accelerator shall copy from it."""
    shape = (largest, *like.shape[1:])
    if not pin:
        return page_aligned(shape, like.dtype)
    return torch.empty(shape, dtype=torch.from_numpy(like[:0]).dtype, pin_memory=True).numpy()
