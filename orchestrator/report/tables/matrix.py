"""Data sets × methods at a terminal: as many methods side by side as its width has room for."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.report.entries import MatrixEntry
from orchestrator.report.matrix import NOTE, Field, Line, grid_of, shown, sources_of, title_of

FRAME = 3
"""Columns that a field's borders and padding take."""


def print_matrices(entries: Sequence[MatrixEntry], console: Console) -> None:
    """A table a matrix, in parts where the methods do not fit beside one another."""
    chosen = shown(entries)
    for entry in chosen:
        lines, methods = grid_of(entry), entry["methods"]
        for part in parts_of(lines, methods, console.width):
            more = "" if len(part) == len(methods) else f" (methods {part[0] + 1}–{part[-1] + 1} of {len(methods)})"
            console.print(table_of_part(f"Matrix of {title_of(entry)}{more}", lines, methods, part))
        for sentence in sources_of(entry):
            console.print(f"  {escape(sentence)}", highlight=False, soft_wrap=True)
    if chosen:
        console.print(f"  {NOTE}", highlight=False, soft_wrap=True)


def table_of_part(title: str, lines: Sequence[Line], methods: Sequence[str], part: Sequence[int]) -> Table:
    """The table of some of the methods."""
    table = Table(title=escape(title), title_justify="left")
    table.add_column("data set")
    table.add_column("metric")
    for number in part:
        table.add_column(escape(methods[number]), justify="right")
    before = None
    for line in lines:
        if before is not None and line.dataset != before:
            table.add_section()
        label = "" if line.dataset == before else label_of(line)
        table.add_row(escape(label), escape(line.quantity), *(field_text(line.fields[number]) for number in part))
        before = line.dataset
    return table


def field_text(field: Field) -> str:
    """A field, the best in bold, with what is published below it."""
    text = f"[bold]{escape(field.text)}[/bold]" if field.best else escape(field.text)
    return text + (f"\n[dim]published {escape(field.published)}[/dim]" if field.published else "")


def parts_of(lines: Sequence[Line], methods: Sequence[str], width: int) -> list[list[int]]:
    """The methods' places in parts that fit the width; at least one method in each."""
    labels = [part for line in lines for part in label_of(line).split("\n")]
    taken = 1 + 2 * FRAME + longest([*labels, "data set"]) + longest([*(line.quantity for line in lines), "metric"])
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


def longest(texts: Sequence[str]) -> int:
    """Characters of the longest text."""
    return max(map(len, texts))
