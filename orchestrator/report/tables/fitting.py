"""Tables at terminals of any width: columns that can be spared go before a word is cut."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

UNLIMITED = 10_000


def print_fitting(table: Table, spare: Sequence[str], console: Console) -> None:
    """Print the table without as many of the ``spare`` columns, the first before the second, as its words need room."""
    left_out = []
    for heading in spare:
        if fits(table, console):
            break
        column = next(column for column in table.columns if column.header == heading)
        table.columns.remove(column)
        left_out.append(heading)
    console.print(table)
    if left_out:
        console.print(f"  too narrow for: {'; '.join(left_out)} (--json has all)", highlight=False, soft_wrap=True)


def fits(table: Table, console: Console) -> bool:
    """Whether every column has room for its longest word, and no ellipsis cuts one."""
    unlimited = console.options.update(max_width=UNLIMITED)
    if Measurement.get(console, unlimited, table).minimum > console.width:
        return False
    drawn = [console.render_lines(table, options, pad=False) for options in (console.options, unlimited)]
    at_width, at_will = (sum(segment.text.count("…") for line in lines for segment in line) for lines in drawn)
    return at_width <= at_will
