"""Errors meant for users, and the exit codes of all verbs. Imported by all rooms; imports none of them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_WRONG_ANSWER = 2
EXIT_INFRASTRUCTURE = 3
EXIT_REFERENCE_MISSED = 5
EXIT_USAGE = 64
EXIT_DEFECT = 70
EXIT_NOT_NOW = 75
EXIT_INTERRUPTED = 130

EXIT_CODES = {
    EXIT_OK: "all well",
    EXIT_FAILED: "a run failed or was cancelled; `data`, `doctor`, `accept verify` or `schedule test` found a fault",
    EXIT_WRONG_ANSWER: "wrong answer: the quality target was missed, or the model diverged",
    EXIT_INFRASTRUCTURE: "infrastructure lost",
    EXIT_REFERENCE_MISSED: "ran well, performance or scaling reference missed",
    EXIT_USAGE: "the command line or configuration is wrong; nothing was submitted",
    EXIT_DEFECT: "a defect of this program, with its trace",
    EXIT_NOT_NOW: "cannot be done now, or not by this user: a store, campaign or folder is away, taken or another's",
    EXIT_INTERRUPTED: "ended by Ctrl-C; 128 + N by another signal N",
}
"""What each means, for all verbs. README has this table."""

ABOUT_KEY = re.compile(r"(?P<key>[A-Za-z_][\w.\[\]-]*)=|There is no configuration key '(?P<unknown>[^']+)'")
"""Messages about a value begin with its key: "nodes=0: …"; those about an unknown key name it."""


class OrchestratorError(Exception):
    """Something went wrong that the user can do something about: the message names it and says what.

    ``exit_code`` is that of the command that ends by it. Any other exception is a defect and keeps its trace. ``key``
    is the configuration's key that it is about, ``remedy`` the part of the message that says what to do; where they are
    known.
    """

    exit_code = EXIT_NOT_NOW
    kind = "not-now"

    def __init__(self, message: str, *, key: str | None = None, remedy: str | None = None) -> None:
        super().__init__(message)
        about = ABOUT_KEY.match(message)
        self.key = key or (about["key"] or about["unknown"] if about else None)
        self.remedy = remedy or remedy_in(message)


class UsageError(OrchestratorError):
    """The command line or the configuration is wrong; nothing was submitted. The message says what would be right."""

    exit_code = EXIT_USAGE
    kind = "usage"


REMEDY = re.compile(
    r"(?:; |[.:] )(?P<remedy>(?:(?:or )?(?:set|use|write|give|leave|choose|name|make|say|try|run|put|export|take|wait|"
    r"correct|install|free|move|ask|Did you mean|There are|Say|Give|Correct|Set|To|Usage)\b|must be|names are|put ).*)",
    re.DOTALL,
)
"""How a message says what to do: its last part, which begins with what to do."""


def remedy_in(message: str) -> str | None:
    """Return the part of a message that says what to do, or None."""
    if message.startswith(("Say ", "Give ", "Usage: ")):
        return message
    found = REMEDY.search(message)
    if found:
        return found["remedy"].strip()
    # Of a value its message says what would be right.
    return message.partition(": ")[2] or None if ABOUT_KEY.match(message) else None


def nearest(word: str, choices: Sequence[str]) -> str:
    """A hint naming the choice closest to ``word`` and all there are, for the end of an error message."""
    close = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    hint = f" Did you mean {close[0]}?" if close else ""
    return hint + (f" There are: {', '.join(sorted(choices))}." if 0 < len(choices) <= 40 else "")
