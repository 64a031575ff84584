"""What is printed reaches any terminal and any pipe, whatever characters its locale has."""

from __future__ import annotations

import codecs
import errno
import io
import os
import stat
import sys
from collections.abc import Mapping
from typing import Any

from orchestrator.records.control import spell_control
from orchestrator.report.json_text import json_text

PLAIN = {
    "–": "-", "—": "-", "−": "-", "…": "...", "×": "x", "·": ".", "→": "->", "≤": "<=", "≥": ">=", "±": "+-",
    "µ": "u", "°": " deg ", "“": '"', "”": '"', "’": "'",
}  # fmt: skip
"""How characters of our own texts are spelt where a locale lacks them; all others are escaped as Python does."""
HANDLER = "orchestrator.spell"


def spell(error: UnicodeError) -> tuple[str, int]:
    """An error handler of codecs: the text in place of the characters that cannot be encoded, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    spelt = (PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode("ascii") for one in characters)
    return "".join(spelt), error.end


class Unbroken(io.FileIO):
    """A pipe whose reader may go away (``report | head -1``), or a terminal that may be closed: what is written
    afterwards goes nowhere.
    """

    def write(self, data: Any) -> int:
        """Write the bytes; return how many there were."""
        try:
            return int(super().write(data) or 0)
        except OSError as error:
            hung_up = error.errno == errno.EIO and stat.S_ISCHR(os.fstat(self.fileno()).st_mode)
            if not hung_up and not isinstance(error, BrokenPipeError):
                raise
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)
            return len(data)


class PlainStream(io.TextIOWrapper):
    """Text on its way to a terminal or pipe: control characters in it, which others may have put there, are spelt out.

    Only ``drawn`` lets them through, for tables in colour, whose texts PlainConsole has spelt.
    """

    def write(self, text: str) -> int:
        """Write the text; return how many characters there were."""
        return super().write(spell_control(text))

    @property
    def drawn(self) -> Drawn:
        """The same stream for what draws."""
        return Drawn(self)


class Drawn:
    """A stream whose control characters reach the terminal."""

    def __init__(self, stream: PlainStream) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write the text as it is."""
        return io.TextIOWrapper.write(self.stream, text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def print_in_any_locale() -> None:
    """Change stdout and stderr so that printing never ends a verb: characters that the locale lacks are spelt out, as
    are control characters, and what a reader does not wait for is dropped.
    """
    codecs.register_error(HANDLER, spell)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        # A test's capture is of another type, and stays.
        if type(stream) is io.TextIOWrapper and type(getattr(stream.buffer, "raw", stream.buffer)) is io.FileIO:
            stream.flush()
            raw = Unbroken(stream.fileno(), "w", closefd=False)
            lines = stream.line_buffering or stream.write_through or name == "stderr"
            setattr(sys, name, PlainStream(io.BufferedWriter(raw), stream.encoding, HANDLER, line_buffering=lines))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def stdout_is_unicode() -> bool:
    """Whether stdout takes every character: else documents for programs escape what is not ASCII."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")


def counted(number: int, what: str) -> str:
    """Return "1 run", "2 runs"."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def print_document(document: Mapping[str, object]) -> None:
    """Print the command's one document to stdout."""
    print(json_text(document, ascii_only=not stdout_is_unicode()))
