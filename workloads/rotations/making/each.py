"""Many images by all cores, each by its own number and the seed alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from workloads.runtime.dataset import Progress
from workloads.runtime.samples.processes import process_pool

Draw = Callable[[int, np.random.Generator], NDArray[np.uint8]]
CHUNK = 100
"""Images that a worker draws at a time."""
FEW = 200
"""So many images are drawn before other processes have begun."""


def draw_each(draw: Draw, kinds: NDArray[np.int64], seed: int, progress: Progress, workers: int) -> NDArray[np.uint8]:
    """The images (n, …) that a module's function makes of each kind (n,). The same for any number of workers."""
    starts = range(0, len(kinds), CHUNK)
    chunks = [kinds[start : start + CHUNK] for start in starts]
    if len(kinds) <= FEW:
        drawn = [draw_chunk(draw, seed, some, start) for some, start in zip(chunks, starts, strict=True)]
        progress(len(kinds), len(kinds))
        return np.concatenate(drawn)
    drawn = []
    with process_pool(workers) as pool:
        for some in pool.map(draw_chunk, [draw] * len(chunks), [seed] * len(chunks), chunks, starts):
            drawn.append(some)
            progress(sum(map(len, drawn)), len(kinds))
    return np.concatenate(drawn)


def draw_chunk(draw: Draw, seed: int, kinds: NDArray[np.int64], first: int) -> NDArray[np.uint8]:
    """Images of neighbours, of which ``first`` is the first one's number."""
    return np.stack([draw(int(kind), np.random.default_rng([seed, first + n])) for n, kind in enumerate(kinds)])
