"""Only one of several processes makes a data set; the others wait for it, and are told for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.records import one_at_a_time


@contextmanager
def only_maker(folder: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Nobody else makes ``folder`` meanwhile. ``waiting`` is told once who does, where somebody does.

    On a file system without locks nobody waits: then both make it, each beside its place, and the first that is done
    has made it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    told = False

    def tell(who: str) -> None:
        nonlocal told
        if not told:
            waiting(who)
        told = True

    with one_at_a_time(folder.with_name(f".{folder.name}.lock"), tell):
        yield
