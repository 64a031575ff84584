"""Only one of several processes makes a data set; the others wait for it, and are told for whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.records import one_at_a_time


@contextmanager
def only_maker(folder: Path, waiting: Callable[[str], None]) -> Iterator[None]:
    """Keep other processes from making ``folder`` within the context, after waiting for one that makes it already.

    ``waiting`` is called once, with a text that names that process. On a file system without locks nobody waits: each
    process makes the folder beside its place, and the first that is done puts it there.
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
