"""Errors that a user can act on: the message names the file or key, its value and what would be right. And what a rank
leaves behind when it dies of any error.
"""

from __future__ import annotations

import re
import sys
import traceback

from orchestrator.records import AttemptDirectory, RankError, host_name, now, write_json
from orchestrator.records.choices import COMMUNICATORS
from orchestrator.records.files import make_own


class DatasetError(Exception):
    """A data set is missing, damaged or not what its description says."""


class DivergedError(ArithmeticError):
    """Training diverged: a number of the model's is infinite or none. The message holds records.DIVERGED."""


class MetricError(Exception):
    """A metric that a run's quality is to be told by is none of those that it has."""


class NonFiniteLossError(DivergedError):
    """It is the loss."""


class MissingDatasetError(DatasetError):
    """A data set is not there. ``verb`` is what ``python -m orchestrator data NAME …`` can do about it."""

    def __init__(self, message: str, verb: str) -> None:
        super().__init__(message)
        self.verb = verb


def write_error(attempt: AttemptDirectory, rank: int, error: BaseException, step: int = 0) -> None:
    """Leave word of what a rank dies of, and after which step, for whoever looks for the first cause."""
    text = "".join(traceback.format_exception(error))
    print(text, file=sys.stderr, flush=True)
    make_own(attempt.errors)
    record: RankError = {
        "rank": rank,
        "host": host_name(),
        "time": now(),
        "step": step,
        "kind": type(error).__name__,
        # A name of a file may hold bytes that no text has.
        "message": str(error).encode(errors="backslashreplace").decode(),
        "communication": is_communication_failure(error),
        "trace": text.encode(errors="backslashreplace").decode(),
    }
    write_json(attempt.errors / f"rank-{rank}.json", record)


def is_communication_failure(error: BaseException) -> bool:
    """Whether the error is what a rank sees when another one is gone."""
    kind = type(error)
    text = f"{kind.__module__}.{kind.__name__}: {error}"
    return any(re.search(choice.lost_peer, text, re.DOTALL) for choice in COMMUNICATORS.values())
