"""The rates of one rank by itself: arithmetic, memory and file reads, each in bursts of a given length."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch

from orchestrator.records.files import settle
from workloads.runtime.measurement.clocks import clock, seconds_since

SLAB_BYTES = 4 * 2**20
FIELD = "blocks"


def per_second(work: Callable[[], object], seconds: float) -> float:
    """Return how often per second ``work`` completes, repeated for at least ``seconds``."""
    begin, done = clock(), 0
    while True:
        work()
        done += 1
        elapsed = seconds_since(begin)
        if elapsed >= seconds:
            return done / elapsed


class MatrixProduct:
    """C = A·B of (n, n) matrices: 2n³ floating-point operations.

    The entries are −1, 0 and 1, so every sum is exact in float32 and a chip that computes wrongly shows it.
    """

    def __init__(self, side: int, precision: str, device: torch.device) -> None:
        generator = torch.Generator().manual_seed(1)
        self.left, self.right = (
            torch.randint(-1, 2, (side, side), generator=generator).to(device, torch.float32) for _ in range(2)
        )
        row_sums = self.left.double() @ (self.right.double() @ torch.ones(side, 1, dtype=torch.float64, device=device))
        product = self.left @ self.right
        self.exact = bool(torch.equal(product.double().sum(1, keepdim=True), row_sums))
        kind = getattr(torch, precision)
        self.expected = product.to(kind)
        self.left, self.right = self.left.to(kind), self.right.to(kind)
        self.result = torch.empty_like(self.expected)
        self.operations = 2 * side**3
        self.device = device

    def multiply(self) -> None:
        """Multiply once and wait for the result."""
        torch.mm(self.left, self.right, out=self.result)
        finish(self.device)

    def rate(self, seconds: float) -> float:
        """Return the floating-point operations per second."""
        return per_second(self.multiply, seconds) * self.operations

    def is_right(self) -> bool:
        """Whether every element of the newest product is correct."""
        return self.exact and bool(torch.equal(self.result, self.expected))


class Triad:
    """a = b + s·c over float64 vectors, counted as in STREAM (McCalpin 1995): 24 bytes per element, whatever the caches
    move beyond.

    The vectors should be several times larger than the last-level cache.
    """

    def __init__(self, mebibytes: int, device: torch.device) -> None:
        count = mebibytes * 2**20 // 8
        self.b, self.c = (torch.full((count,), value, dtype=torch.float64, device=device) for value in (1.0, 2.0))
        self.a = torch.zeros_like(self.b)
        self.bytes = 3 * 8 * count
        self.device = device

    def add(self) -> None:
        """Compute once and wait for the result."""
        torch.add(self.b, self.c, alpha=3.0, out=self.a)
        finish(self.device)

    def rate(self, seconds: float) -> float:
        """Return the bytes per second."""
        return per_second(self.add, seconds) * self.bytes


def finish(device: torch.device) -> None:
    """Wait for the accelerator's pending work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class FileRead:
    """An HDF5 file, read from end to end. This node's page cache is first asked to drop it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.buffer: np.ndarray | None = None

    @classmethod
    def of_copy(cls, path: Path, folder: Path) -> FileRead:
        """Return the reading of a copy in a folder of the node's own."""
        copy = folder / f"probe-{os.getpid()}.h5"
        shutil.copyfile(path, copy)
        return cls(copy)

    def rate(self) -> float:
        """Return the bytes per second, opening included."""
        self.forget()
        begin = clock()
        with h5py.File(self.path, "r", locking=False) as file:
            blocks = file[FIELD]
            rows = max(1, SLAB_BYTES // blocks.shape[1])
            if self.buffer is None:
                self.buffer = np.empty((rows, blocks.shape[1]), blocks.dtype)
            for start in range(0, blocks.shape[0], rows):
                stop = min(start + rows, blocks.shape[0])
                blocks.read_direct(self.buffer, np.s_[start:stop], np.s_[: stop - start])
            size = blocks.nbytes
        return float(size / seconds_since(begin))

    def forget(self) -> None:
        """Have the kernel drop the file's clean pages."""
        with self.path.open("rb") as file:
            settle(file)
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
