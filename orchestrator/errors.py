"""Errors meant for users, and the exit codes of all verbs. Imported by all rooms; imports none of them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_WRONG_ANSWER = 2
EXIT_INFRASTRUCTURE = 3
EXIT_REFERENCE_MISSED = 5
EXIT_USAGE = 64


class OrchestratorError(Exception):
    """Something went wrong that the user can do something about: the message names it and says what.

    ``exit_code`` is that of the command that ends by it. Any other exception is a defect and keeps its trace.
    """

    exit_code = EXIT_FAILED


class UsageError(OrchestratorError):
    """The command line or the configuration is wrong; nothing was submitted. The message says what would be right."""

    exit_code = EXIT_USAGE


def nearest(word: str, choices: Sequence[str]) -> str:
    """A hint naming the choice closest to ``word`` and all there are, for the end of an error message."""
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    return hint + (f" There are: {', '.join(sorted(choices))}." if len(choices) <= 40 else "")
