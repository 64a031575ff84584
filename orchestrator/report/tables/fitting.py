"""Tables at terminals of any width: columns that can be spared go before a word is cut, and where the others still do
not fit, each row is a block of lines.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

UNLIMITED = 10_000
LEAST_WIDTH = 20


def print_fitting(table: Table, spare: Sequence[str], console: Console) -> None:
    """Print the table without as many of the ``spare`` columns, the first before the second, as its words need room;
    as blocks, with all columns, if that is not enough.
    """
    every = list(table.columns)
    left_out = []
    by_heading = {str(column.header): column for column in every}
    # What no row has goes first.
    for heading in sorted(spare, key=lambda heading: not set(by_heading[heading].cells) <= {"", "–"}):
        if fits(table, console):
            break
        table.columns.remove(by_heading[heading])
        left_out.append(heading)
    if not fits(table, console):
        table.columns = every
        print_blocks(table, console)
        return
    console.print(table)
    if left_out:
        console.print(f"  too narrow for: {'; '.join(left_out)} (--json has all)", highlight=False)


def print_blocks(table: Table, console: Console) -> None:
    """Print each row as its first cell and, below it, the others with their headings. What is a dash is left out."""
    if table.title:
        console.print(table.title, style="italic", highlight=False)
    headings = [plain(console, column.header) for column in table.columns]
    for first, *others in zip(*(column.cells for column in table.columns), strict=True):
        console.print(plain(console, first), style="bold", markup=False, highlight=False, soft_wrap=True)
        words = [
            # One item is one word to the wrapping.
            f"{heading} {value}".strip().replace(" ", "\N{NO-BREAK SPACE}")
            for heading, value in zip(headings[1:], (plain(console, cell) for cell in others), strict=True)
            if value not in ("", "–")
        ]
        width = max(LEAST_WIDTH, console.width)
        for line in wrapped("   ".join(words), width):
            console.print(line.replace("\N{NO-BREAK SPACE}", " "), markup=False, highlight=False, soft_wrap=True)


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of whole items; one that is longer than a line is cut between its words."""
    indent = "  "
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False)
    found = []
    for line in lines:
        if len(line) > width:
            words = line.strip().replace("\N{NO-BREAK SPACE}", " ")
            found += textwrap.wrap(words, width, initial_indent=indent, subsequent_indent=indent * 2)
        else:
            found.append(line)
    return found


def plain(console: Console, cell: object) -> str:
    """Return a cell's text without its colours, in one line."""
    text = console.render_str(cell) if isinstance(cell, str) else cell
    return " ".join((text.plain if isinstance(text, Text) else str(text)).split())


def fits(table: Table, console: Console) -> bool:
    """Whether every column has room for its longest word, and no ellipsis cuts one."""
    if console.width >= UNLIMITED:
        return True
    unlimited = console.options.update(max_width=UNLIMITED)
    if Measurement.get(console, unlimited, table).minimum > console.width:
        return False
    drawn = [console.render_lines(table, options, pad=False) for options in (console.options, unlimited)]
    at_width, at_will = (sum(segment.text.count("…") for line in lines for segment in line) for lines in drawn)
    return at_width <= at_will
