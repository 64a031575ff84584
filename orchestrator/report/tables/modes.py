"""The table of recipes side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.records import choice_words
from orchestrator.report.entries.series import RecipeEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.tables.fitting import print_fitting
from orchestrator.report.tables.units import RateColumn, warm_heading, warm_mark

PEAKS = {"of_bf16_peak": "of bfloat16 peak", "of_memory_bandwidth": "of memory bandwidth"}
"""Columns that are shown for accelerators with stated peaks."""


def print_comparison(rows: Sequence[RecipeEntry], console: Console) -> None:
    """Print recipes side by side."""
    if not rows:
        return
    table = Table(title="Recipes compared", title_justify="left")
    rate = RateColumn.of(row["unit"] for row in rows)
    peaks = any(value is not None for row in rows for value in values_of(row, PEAKS))
    epochs = {row["epochs"] for row in rows}
    heading_of_rate = f"{rate.heading}{warm_heading(epochs)}"
    for heading in ("benchmark", "mode", "comm", "nodes", "recipe", "n", heading_of_rate, "×"):
        table.add_column(heading)
    for heading in PEAKS.values() if peaks else ():
        table.add_column(heading)
    for heading in ("quality", "time to accuracy"):
        table.add_column(heading)
    for row in rows:
        quality = "–" if row["quality"] is None else f"{row['metric']} {row['quality']:.3f}"
        if row["quality"] is not None and row["target"] is not None:
            quality += f" (target {row['target']:.3f})"
        seconds = row["time_to_accuracy_s"]
        time = "–" if seconds is None else f"{seconds:.1f} s ({row['reached']} of {row['n']})"
        subject = " ".join([row["benchmark"], *choice_words(row["benchmark"], None, row["method"])])
        words = [
            subject,
            row["mode"],
            row["comm"],
            str(row["nodes"]),
            row["recipe"],
            str(row["n"]),
        ]
        fractions = values_of(row, PEAKS) if peaks else []
        shares = ["–" if fraction is None else f"{100 * fraction:.1f} %" for fraction in fractions]
        table.add_row(
            *(escape(word) for word in words),
            rate.cell(f"{row['samples_per_s']:.1f}", row["unit"]) + warm_mark(row["epochs"], epochs),
            f"{row['speedup']:.2f}",
            *shares,
            quality,
            time,
        )
    print_fitting(table, (), console)
