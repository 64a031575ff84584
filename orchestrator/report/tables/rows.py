"""Rows of a word and its meaning, as a help text has them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

LEAST_WIDTH = 40
WIDEST_HEAD = 28
"""A word that is longer has a line of its own."""


def rows_text(rows: Sequence[tuple[str, str]], width: int, head: int | None = None, indent: str = "") -> str:
    """Return the rows, their meanings in a column that is wrapped at ``width``.

    ``head`` is the width of the first column; None: as wide as the words need, up to WIDEST_HEAD.
    """
    longest = max((len(word) for word, _ in rows), default=0)
    head = min(longest, WIDEST_HEAD) if head is None else head
    left = f"{indent}{'':{head}}  "
    lines = []
    for word, meaning in rows:
        first = f"{indent}{word:{head}}  " if len(word) <= head else f"{indent}{word}\n{left}"
        wrapped = textwrap.wrap(meaning, max(LEAST_WIDTH, width) - len(left), break_on_hyphens=False)
        lines.append((first + f"\n{left}".join(wrapped)).rstrip())
    return "\n".join(lines)
