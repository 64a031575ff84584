"""Tables for people beyond the runs: results of inference, and recipes side by side."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.records import BatchThroughput, InferenceResult, Latency, choice_words, throughput_unit
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.entries.series import RecipeEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.tables.fitting import print_fitting
from orchestrator.report.tables.units import RateColumn

PEAKS = {"of_bf16_peak": "of bfloat16 peak", "of_memory_bandwidth": "of memory bandwidth"}
"""Columns that are shown for accelerators with stated peaks."""


def print_inference(runs: Sequence[RunEntry], console: Console) -> None:
    """Print load time, latency and throughput by batch size of the inference runs."""
    measured = [(run["run"], run["inference"]) for run in runs if run["inference"]]
    if not measured:
        return
    table = Table(title="Inference (all ranks together)", title_justify="left")
    for heading in ("run", "weights", "load, s", "one sample, ms", "from file, ms", "samples/s by batch size"):
        table.add_column(heading)
    for name, inference in measured:
        trained = inference["weights"]["source"] == "checkpoint"
        rates = "  ".join(f"{row['batch_size']}: {rate_text(row, inference)}" for row in inference["throughput"])
        table.add_row(
            escape(name),
            "trained" if trained else "[yellow]never trained[/yellow]",
            f"{inference['load_s']['slowest']:.2f}",
            latency_text(inference["latency_ms"]["memory"]),
            latency_text(inference["latency_ms"]["file"]),
            rates,
        )
    print_fitting(table, (), console)


def rate_text(row: BatchThroughput, inference: InferenceResult) -> str:
    """Return samples a second, and what these are made of where that is counted otherwise."""
    text, predicted = f"{row['samples_per_s']:.1f}", inference.get("predicted")
    if predicted is None:
        return text
    return f"{text} ({row['samples_per_s'] * predicted['per_sample']:.0f} {throughput_unit(predicted['unit'])})"


def latency_text(summary: Latency) -> str:
    """Return the percentiles of a latency and their number of samples."""
    return f"p50 {summary['p50']:.2f}  p90 {summary['p90']:.2f}  p99 {summary['p99']:.2f}  (n {summary['n']})"


def print_comparison(rows: Sequence[RecipeEntry], console: Console) -> None:
    """Print recipes side by side."""
    if not rows:
        return
    table = Table(title="Recipes compared", title_justify="left")
    rate = RateColumn.of(row["unit"] for row in rows)
    peaks = any(value is not None for row in rows for value in values_of(row, PEAKS))
    for heading in ("benchmark", "mode", "comm", "nodes", "recipe", "n", rate.heading, "×"):
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
            rate.cell(f"{row['samples_per_s']:.1f}", row["unit"]),
            f"{row['speedup']:.2f}",
            *shares,
            quality,
            time,
        )
    print_fitting(table, (), console)
