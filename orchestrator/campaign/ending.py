"""How a process that follows runs ends before they do: in words, and with an exit code that says by which signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from orchestrator.errors import EXIT_INTERRUPTED, OrchestratorError

END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class Interrupted(OrchestratorError):
    """What was done was ended by Ctrl-C."""

    exit_code = EXIT_INTERRUPTED
    kind = "interrupted"


class Ended(Interrupted):
    """A signal asked this process to end. What runs elsewhere goes on."""

    def __init__(self, number: int, more: str = "") -> None:
        super().__init__(f"ended by {signal.Signals(number).name}{'; ' if more else ''}{more}")
        self.number = number
        self.exit_code = 128 + number

    def adding(self, more: str) -> Ended:
        """Return the error with more words."""
        return Ended(self.number, more)


@contextmanager
def end_in_words() -> Iterator[None]:
    """Within the context SIGTERM and the end of the terminal raise ``Ended``, which can be told. A signal that this
    process was started to ignore stays ignored, as ``nohup`` promises for the end of the terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise Ended(number)

    taken = [number for number in END_SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, end) for number in taken}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
