"""Values as texts, for tables and for CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.records import choice_words
from orchestrator.records.control import spell_control
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.runs import DatasetEntry, RunEntry, had_target, reached_target
from orchestrator.report.entries.series import ScalingEntry, Subject

RISKY = ("=", "+", "-", "@", "\t", "\r")


def csv_cell(value: Any) -> Any:
    """Return the value of a CSV cell. An apostrophe disarms text that a spreadsheet would run as a formula."""
    if not isinstance(value, str):
        return value
    text = spell_control(value)
    return f"'{text}" if text.lstrip().startswith(RISKY) else text


def short(value: float | None) -> str:
    """Return a number with four digits, whole numbers whole; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e6):
        return str(int(value))
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def with_interval(value: float | None, interval: Sequence[float | None] | None) -> str:
    """ "0.93 [0.91, 0.94]", without brackets if there is no interval."""
    return f"{short(value)} [{short(interval[0])}, {short(interval[1])}]" if interval else short(value)


def subject_words(entry: Subject) -> list[str]:
    """Benchmark, and data set and method where they do not go without saying."""
    return [entry["benchmark"], *choice_words(entry["benchmark"], entry["dataset_name"], entry["method"])]


def dataset_text(dataset: DatasetEntry) -> str:
    """Return "stemdl, real, split by material, version 1, checksum ce7e99df749a", as far as it is known."""
    parts = [("", dataset["name"]), ("", dataset["source"]), ("split by ", dataset["split"])]
    parts += [("version ", dataset["version"]), ("checksum ", (dataset["checksum"] or "")[:12])]
    return ", ".join(f"{word}{value}" for word, value in parts if value)


def quality_text(run: RunEntry) -> str:
    """Return the quality and its target."""
    value = run["quality"]
    if value["value"] is None:
        return "–"
    target = "" if value["target"] is None else f" (target {value['target']:.3g})"
    return f"{value['metric']} {value['value']:.3f}{target}"


def accuracy_time_text(run: RunEntry) -> str:
    """Return the time to accuracy, or "not reached"; "not timed" of a run that stood still meanwhile, a dash of one
    without a target.
    """
    if run["state"] != "completed" or run["mode"] != "training" or not had_target(run):
        return "–"
    seconds = run["time_to_accuracy_s"]
    if seconds is None:
        return "not timed" if reached_target(run) else "not reached"
    return f"{seconds:.1f} s"


def headline(document: ReportDocument) -> str:
    """Return the campaign's result in one or two sentences."""
    runs = document["runs"]
    done = sum(run["state"] == "completed" for run in runs)
    trained = [run for run in runs if run["state"] == "completed" and run["mode"] == "training"]
    cut = sum(had_target(run) and run["stopped"] == "steps" for run in trained)
    trained = [run for run in trained if had_target(run) and (reached_target(run) or run["stopped"] != "steps")]
    reached = sum(map(reached_target, trained))
    planned = document.get("planned", len(runs))
    text = f"{done} of {planned} runs completed"
    text += f" ({planned - len(runs)} not collected yet)" if planned > len(runs) else ""
    text += f", {reached} reached their quality target" if trained else ""
    text += f", {cut} ended at max_steps, before a target could be reached." if cut and not trained else "."
    largest: dict[tuple[str, str], ScalingEntry] = {}
    for entry in document["scaling"]:
        if entry["nodes"] > entry["base_nodes"]:
            key = (entry["benchmark"], entry["mode"])
            if key not in largest or entry["nodes"] > largest[key]["nodes"]:
                largest[key] = entry
    for (benchmark, mode), entry in largest.items():
        span = entry["interval"]
        value = f"{100 * entry['efficiency']:.0f} %"
        value += f" [{100 * span[0]:.0f}, {100 * span[1]:.0f}]" if span else ""
        text += f" {benchmark} at {entry['nodes']} nodes: {mode} efficiency {value}"
        text += f" (base {entry['base_nodes']}, n = {entry['n']})."
    return text
