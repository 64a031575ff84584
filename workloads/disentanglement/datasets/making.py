"""Many images made by many processes, in order. What an image is depends on its factors alone, so the number of
processes changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.disentanglement.rendering.mesh import Floats
from workloads.disentanglement.rendering.shading import blend_layers
from workloads.runtime.dataset import Progress
from workloads.runtime.samples.parallel import map_in_threads
from workloads.runtime.samples.processes import process_pool

CHUNK = 64
"""Images that a process makes at a time."""
Images = NDArray[np.uint8]
"""Images (n, h, w, c), or (n, h, w) of one channel."""


def render_rows(render: Callable[[Floats], Images], rows: Floats, workers: int) -> Iterator[Images]:
    """What ``render`` makes of the rows (n, k) that describe an image each, some at a time. It is a module's function:
    processes find it by its name.
    """
    chunks = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    with process_pool(min(workers, len(chunks))) as pool:
        yield from pool.map(render, chunks)


def blend_rows(
    render: Callable[[Floats], Floats], forms: Floats, form: NDArray[np.int64], colours: Floats, workers: int
) -> Iterator[Images]:
    """Images of few forms in many colours, some at a time: image i is the form ``form[i]`` in ``colours[i]`` (K, 3).

    ``render`` makes the layers (K, h, w) of one row of ``forms`` (m, f); each form is rendered once.
    """
    with process_pool(min(workers, len(forms))) as pool:
        layers = list(pool.map(render, forms, chunksize=4))

    def blend(start: int) -> Images:
        some = range(start, min(start + CHUNK, len(form)))
        return np.stack([blend_layers(layers[form[number]], colours[number]) for number in some])

    yield from map_in_threads(blend, range(0, len(form), CHUNK), workers)


def counted(images: Iterable[NDArray[Any]], total: int, progress: Progress) -> Iterator[NDArray[Any]]:
    """The same, while ``progress`` is told how many came."""
    done = 0
    for some in images:
        yield some
        done += len(some)
        progress(done, total)
