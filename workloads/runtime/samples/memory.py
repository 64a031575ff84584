"""Memory: what files and devices are read into, and what the C library does with memory that is no longer used."""

from __future__ import annotations

import ctypes
import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

PAGE = mmap.PAGESIZE


def page_aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """An uninitialised array that begins on a page of memory.

    The kernel copies a file into memory that is not aligned to 32 bytes at half the speed, and `numpy.empty` promises
    16 (measured on an AMD EPYC: 7.8 against 15 GB/s).
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.empty(size + PAGE, np.uint8)
    start = -memory.ctypes.data % PAGE
    return np.asarray(memory[start : start + size].view(dtype).reshape(shape))


# mallopt(3)
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
TOP_PAD_BYTES = 256 * 2**20


def keep_freed_memory() -> bool:
    """Have the C library keep large blocks that are freed for the next allocation; whether it can.

    By default it returns every array above some megabytes to the kernel, which clears its pages when the next step
    asks for them again. Activations come and go in every step: on the CPU that costs a training step from a twentieth
    (convolutions) to half (layers that only move data) of its time. The process then holds the most it ever needed.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # A threshold of -1 means that nothing is ever given back.
    wanted = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, -1), (M_TOP_PAD, TOP_PAD_BYTES))
    return all(mallopt(option, value) == 1 for option, value in wanted)
