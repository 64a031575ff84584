"""Data sets × methods at a terminal: as many methods side by side as its width has room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.report.entries.matrix import MatrixEntry
from orchestrator.report.grid import NOTE, NOTHING, Field, Line, grid_of, shown, sources_of, title_of

FRAME = 3
"""Columns that a field's borders and padding take."""


def print_matrices(entries: Sequence[MatrixEntry], console: Console) -> None:
    """A table a matrix, in parts where the methods do not fit beside one another."""
    chosen = shown(entries)
    for entry in chosen:
        lines, methods = grid_of(entry), entry["methods"]
        for part in parts_of(lines, methods, console.width):
            title = f"Matrix of {title_of(entry)}{part_words(part, methods)}"
            console.print(escape(title), style="italic", highlight=False, soft_wrap=True)
            console.print(table_of_part(lines_of_part(lines, part), methods, part))
        for sentence in sources_of(entry):
            console.print(f"  {escape(sentence)}", highlight=False, soft_wrap=True)
    if chosen:
        console.print(f"  {NOTE}", highlight=False, soft_wrap=True)


def part_words(part: Sequence[int], methods: Sequence[str]) -> str:
    """Which methods a part has, where it has not all."""
    if len(part) == len(methods):
        return ""
    span = f"method {part[0] + 1}" if len(part) == 1 else f"methods {part[0] + 1}–{part[-1] + 1}"
    return f" ({span} of {len(methods)})"


def lines_of_part(lines: Sequence[Line], part: Sequence[int]) -> list[Line]:
    """The lines of the data sets that one of the part's methods was tried on, or has a published value of."""
    fields = [(line.dataset, line.fields[number]) for line in lines for number in part]
    there = {dataset for dataset, field in fields if field.text != NOTHING or field.published}
    return [line for line in lines if line.dataset in there]


def table_of_part(lines: Sequence[Line], methods: Sequence[str], part: Sequence[int]) -> Table:
    """The table of some of the methods."""
    table = Table()
    table.add_column("data set")
    table.add_column("metric")
    for number in part:
        table.add_column(escape(methods[number]), justify="right")
    before = None
    for line in lines:
        if before is not None and line.dataset != before:
            table.add_section()
        label = "" if line.dataset == before else label_of(line)
        table.add_row(escape(label), escape(quantity_of(line)), *(field_text(line.fields[number]) for number in part))
        before = line.dataset
    return table


def field_text(field: Field) -> str:
    """A field, the best in bold, with what is published below it."""
    text = f"[bold]{escape(field.text)}[/bold]" if field.best else escape(field.text)
    return text + (f"\n[dim]published {escape(field.published)}[/dim]" if field.published else "")


def parts_of(lines: Sequence[Line], methods: Sequence[str], width: int) -> list[list[int]]:
    """The methods' places in parts that fit the width; at least one method in each."""
    labels = [part for line in lines for part in label_of(line).split("\n")]
    quantities = [part for line in lines for part in quantity_of(line).split("\n")]
    taken = 1 + 2 * FRAME + longest([*labels, "data set"]) + longest([*quantities, "metric"])
    parts: list[list[int]] = [[]]
    room = width - taken
    for number, method in enumerate(methods):
        need = FRAME + longest([method, *(text for line in lines for text in texts_of(line.fields[number]))])
        if parts[-1] and need > room:
            parts.append([])
            room = width - taken
        parts[-1].append(number)
        room -= need
    return parts


def texts_of(field: Field) -> list[str]:
    """The lines of a field."""
    return [field.text, f"published {field.published}" if field.published else ""]


def label_of(line: Line) -> str:
    """The data set, and below it where it is from."""
    return line.dataset.replace(" (", "\n(")


def quantity_of(line: Line) -> str:
    """The metric, and below it its target; a cost's last word below the others."""
    return line.quantity.replace(" ≥", "\n≥").replace(" ≤", "\n≤").replace("to accuracy", "to\naccuracy")


def longest(texts: Sequence[str]) -> int:
    """Characters of the longest text."""
    return max(map(len, texts))
