"""What is printed reaches any terminal and any pipe, whatever characters its locale has."""

from __future__ import annotations

import codecs
import io
import sys

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


def print_in_any_locale() -> None:
    """From now on no character ends a verb by not being printable."""
    codecs.register_error(HANDLER, spell)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def stdout_is_unicode() -> bool:
    """Whether stdout takes every character: else documents for programs escape what is not ASCII."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").startswith("utf")
