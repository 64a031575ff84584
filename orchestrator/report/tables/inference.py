"""What inference runs measured, as rows of a table: for the terminal and for a run's page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from orchestrator.records import InferenceResult, throughput_unit
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.tables.text import short

LATENCY = ("one sample", "p50, ms", "p90, ms", "p99, ms", "n")
PLACES = {"memory": "in memory", "file": "read from its file"}


def subject_text(inference: InferenceResult) -> str:
    """ "a text of 32 tokens, by a trained model, loaded in 0.03 s"."""
    trained = "a trained model" if inference["weights"]["source"] == "checkpoint" else "a model that was never trained"
    words = [f"by {trained}", f"loaded in {inference['load_s']['slowest']:.2f} s"]
    what = inference.get("predicted", {}).get("what")
    return ", ".join([what, *words] if what else words)


def latency_rows(inference: InferenceResult) -> list[list[Any]]:
    """By ``LATENCY``: of a sample in memory, and of one that is read from its file."""
    found = inference["latency_ms"]
    return [
        [PLACES[place], *(summary[share] for share in ("p50", "p90", "p99")), summary["n"]]
        for place, summary in (("memory", found["memory"]), ("file", found["file"]))
    ]


def throughput_columns(inference: InferenceResult) -> tuple[str, ...]:
    """What ``throughput_rows`` have."""
    predicted = inference.get("predicted")
    return ("batch", "samples/s", *([throughput_unit(predicted["unit"])] if predicted else []))


def throughput_rows(inference: InferenceResult) -> list[list[Any]]:
    """All ranks' together by batch size: samples a second, and what these are made of where that is counted."""
    predicted = inference.get("predicted")
    return [
        [row["batch_size"], row["samples_per_s"]]
        + ([row["samples_per_s"] * predicted["per_sample"]] if predicted else [])
        for row in inference["throughput"]
    ]


def print_inference(runs: Sequence[RunEntry], console: Console) -> None:
    """Print latencies and throughput by batch size of the inference runs."""
    measured = [(run["run"], run["inference"]) for run in runs if run["inference"]]
    if measured:
        console.print("Inference (all ranks together)", style="italic", highlight=False)
    for name, inference in measured:
        console.print(name, style="bold", markup=False, highlight=False, soft_wrap=True)
        console.print(f"  {subject_text(inference)}", markup=False, highlight=False, soft_wrap=True)
        print_rows(LATENCY, latency_rows(inference), console)
        print_rows(throughput_columns(inference), throughput_rows(inference), console)


def print_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]], console: Console) -> None:
    """Print narrow columns under their headings, numbers to the right."""
    cells = [list(columns), *([value if isinstance(value, str) else short(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    texts = [isinstance(value, str) for value in rows[0]] if rows else [True] * len(columns)
    for line in cells:
        words = (
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(line, widths, texts, strict=True)
        )
        console.print(f"  {'   '.join(words).rstrip()}", markup=False, highlight=False, soft_wrap=True)
