"""Work in threads, in order and with bounded memory, for functions that release the interpreter lock (files,
arrays).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
"""Most threads. More would only fill memory, since disks and file systems are busy with fewer."""


def map_in_threads(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Yield ``function`` of each item, in the items' order. At most one item more than there are workers is in
    progress.

    The first exception is raised here; items not begun by then are not begun.
    """
    workers = max(1, min(workers, MOST_WORKERS))
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


def interleave_items(items: Sequence[Item], ways: int) -> list[Item]:
    """Return the first item of each of ``ways`` equal stretches of the items, then the second of each, and so on.

    It is for pieces that are written to ``ways`` files in turn: a file system lets one writer at a time into a file, so
    threads that take neighbouring pieces should write to different files.
    """
    length = -(-len(items) // ways)
    return [items[place] for number in range(length) for place in range(number, len(items), length)]
