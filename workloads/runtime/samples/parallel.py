"""Work done by threads, in order and with bounded memory: for what lets go of the interpreter lock (files, arrays)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_WORKERS = 8
"""More threads than this only fill memory: disks and file systems are busy with fewer."""


def mapped(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """``function`` of each item, in the items' order; only a few more than there are workers are ever at hand.

    The first exception is raised here, and what was not begun by then is not begun.
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


def interleaved(items: Sequence[Item], ways: int) -> list[Item]:
    """The first of each of ``ways`` equal stretches of the items, then the second of each, and so on.

    For pieces that are written to so many files one behind the other: a file system lets one writer at a time into a
    file, so threads that take neighbouring pieces must not meet in one.
    """
    length = -(-len(items) // ways)
    return [items[place] for number in range(length) for place in range(number, len(items), length)]
