"""Folders that are there whole or not at all, also when Ctrl-C comes between."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def built_at_once(folder: Path) -> Iterator[Path]:
    """A temporary sibling to build in; it takes the folder's name at the end, or is removed after an error.

    If another process finished the same folder meanwhile, its folder stays and this one is dropped.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        yield partial
        try:
            partial.rename(folder)
        except OSError:
            if not any(folder.glob("*")):
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def interrupts_remembered() -> Iterator[Callable[[], None]]:
    """A function to call between two pieces of work, which raises KeyboardInterrupt once Ctrl-C was pressed.

    Raised on the spot, it may land in a clean-up callback of h5py, where Python prints and forgets it. A handler that
    somebody else installed is left alone.
    """
    pressed = threading.Event()

    def check() -> None:
        if pressed.is_set():
            raise KeyboardInterrupt

    default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not default or threading.current_thread() is not threading.main_thread():
        yield check
        return
    signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
