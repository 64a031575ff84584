"""How a verb that fails ends: a line for people, a document for programs, and an exit code, for all verbs alike."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal, TypedDict

from orchestrator.cli.output import print_document
from orchestrator.config.redaction import hide
from orchestrator.errors import EXIT_DEFECT, OrchestratorError, UsageError
from orchestrator.records.control import NO_TEXT, spell_control

SCHEMA: Final = "orchestrator.error/1"


class Failure(TypedDict):
    """Why a verb failed. ``kind``: usage, not-now, interrupted or defect. ``key``: the configuration's key that it is
    about; ``remedy``: what to do; null where there is none.
    """

    kind: str
    message: str
    key: str | None
    remedy: str | None


class ErrorDocument(TypedDict):
    """What a verb with ``--json`` prints when it fails."""

    schema: Literal["orchestrator.error/1"]
    verb: str
    exit_code: int
    error: Failure


class Unusable(OrchestratorError):
    """A file or folder that cannot be used."""


def refuse_no_text(word: str) -> None:
    """Raise UsageError for bytes of the command line that are no text in any alphabet."""
    if NO_TEXT.search(word) or "\x00" in word:
        raise UsageError(f"{word!a} is not text in UTF-8; write it in that encoding.")


def os_error(error: OSError) -> OrchestratorError | None:
    """Return the error about a file or folder in words; None for one that names none."""
    if error.filename is None:
        return None
    name = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes, os.PathLike)) else error.filename
    return Unusable(f"{name}: {error.strerror or error}")


def report_error(error: OrchestratorError, verb: str, words: Sequence[str]) -> int:
    """Print an error that the user can do something about; return its exit code."""
    message = plain(str(error))
    print(f"error: {message}", file=sys.stderr)
    key, remedy = (plain(text) if text else None for text in (error.key, error.remedy))
    return report(error.exit_code, {"kind": error.kind, "message": message, "key": key, "remedy": remedy}, verb, words)


def report_defect(error: Exception, verb: str, words: Sequence[str]) -> int:
    """Print the trace of a defect; return its exit code."""
    print(hide("".join(traceback.format_exception(error))), end="", file=sys.stderr)
    message = plain(f"{type(error).__name__}: {error}")
    remedy = "this is a defect of the program: please report it with its trace, which is on stderr"
    return report(EXIT_DEFECT, {"kind": "defect", "message": message, "key": None, "remedy": remedy}, verb, words)


def report(code: int, failure: Failure, verb: str, words: Sequence[str]) -> int:
    """Print the document of a failure if a program reads along; return the exit code."""
    if wants_json(words):
        document: ErrorDocument = {"schema": SCHEMA, "verb": verb, "exit_code": code, "error": failure}
        print_document(document)
    return code


def wants_json(words: Sequence[str]) -> bool:
    """Whether the command line asks for a document."""
    return bool({"--json", "--format=json"} & set(words)) or ("--format", "json") in pairwise(words)


def plain(text: str) -> str:
    """Return a message without secrets, with control characters spelt out, so that a terminal does nothing by them."""
    return spell_control(hide(text))
