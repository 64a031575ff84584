"""Characters of foreign texts that do something instead of being shown: names of hosts and folders, what others wrote.

There is one way for such a text to a terminal, a page or a table: with these characters spelt out.
"""

from __future__ import annotations

import re

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Control characters, line ends of any alphabet, and bytes of a command line that are no text."""
NO_TEXT = re.compile("[\ud800-\udfff]")
"""What Python has in place of bytes that are no UTF-8."""
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""The same without tabs and line ends, with what changes the direction of the text around it."""


def spell_control(text: str) -> str:
    """Return a text whose control characters are spelt out, as "\\x1b" for an escape; line ends and tabs stay."""
    return ACTING.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: str) -> str:
    """Return a text in one line, with control characters spelt out."""
    return spell_control(" ".join(text.split()))
