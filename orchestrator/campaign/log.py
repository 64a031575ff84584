"""The login side's own log: what was asked of the scheduler, what was submitted, and how runs went, with their times.

It stands beside the runs, in CAMPAIGN/orchestrator.log, and every process that works on the campaign appends to it;
``-v`` shows it on stderr too. Nothing of it is read by the program.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.campaign.state import RunStatus
from orchestrator.config.redaction import hide
from orchestrator.records.files import open_own

FILE = "orchestrator.log"
LOGGER = logging.getLogger("orchestrator")
FORMAT = "%(asctime)s %(process)d %(message)s"

# Libraries' warnings go their own way, and ours nowhere unless asked for.
LOGGER.addHandler(logging.NullHandler())
LOGGER.propagate = False


class Hiding(logging.Formatter):
    """Writes a line a record, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return hide(super().format(record)).replace("\n", " | ")


def show_log() -> None:
    """Show the log on stderr from now on."""
    handle(logging.StreamHandler(sys.stderr))


def handle(handler: logging.Handler) -> None:
    """Have a handler get everything."""
    handler.setFormatter(Hiding(FORMAT))
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.DEBUG)


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Append to the campaign's log within the context, if this user may write there."""
    try:
        file = os.fdopen(open_own(folder / FILE, append=True), "a", encoding="utf-8", errors="backslashreplace")
    except OSError:
        yield
        return
    handler = logging.StreamHandler(file)
    handle(handler)
    LOGGER.info("%s, as %s", " ".join(sys.argv), os.uname().nodename)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)
        file.close()


class Changes:
    """Logs the runs whose state, job or attempt is another than at the last look."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[object, ...]] = {}

    def note(self, statuses: Sequence[RunStatus]) -> None:
        """Log what is new."""
        for status in statuses:
            news = (status.state, status.attempts, status.reason, status.cause)
            if self.known.get(status.run, ("planned", 0, "", None)) != news:
                words = "; ".join(filter(None, (status.reason, status.cause)))
                LOGGER.info(
                    "%s: %s, attempt %d%s", status.run, status.state, status.attempts, f" ({words})" if words else ""
                )
            self.known[status.run] = news
