"""Memory: aligned arrays to read into, and the C library's treatment of freed memory."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = mmap.PAGESIZE


def page_aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Return an uninitialised array that begins on a page of memory.

    The kernel copies a file into memory that is not aligned to 32 bytes at half the speed, and ``numpy.empty``
    guarantees only 16 (measured on an AMD EPYC: 7.8 against 15 GB/s).
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + PAGE, np.uint8)
    start = -memory.ctypes.data % PAGE
    return np.asarray(memory[start : start + size].view(dtype).reshape(shape))


# mallopt(3)
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TOP_PAD_BYTES = 256 * 2**20


def keep_freed_memory() -> bool:
    """Let the C library keep large freed blocks for the next allocation; return whether it can.

    By default every array above some megabytes goes back to the kernel, which clears its pages when the next step
    requests them again. Activations come and go in every step, so on a processor this costs from a twentieth
    (convolutions) to half (layers that only move data) of a training step. The process then holds the most memory that
    it ever needed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # A threshold of -1 means that nothing is ever given back.
    wanted = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, TOP_PAD_BYTES))
    return all(mallopt(option, value) == 1 for option, value in wanted)
