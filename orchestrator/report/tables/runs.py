"""The report for people at a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orchestrator.analysis.extremes import three_numbers
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.runs import AchievedEntry, RunEntry, devices_slowed
from orchestrator.report.tables.fitting import print_fitting
from orchestrator.report.tables.inference import print_inference
from orchestrator.report.tables.matrix import print_matrices
from orchestrator.report.tables.modes import print_comparison
from orchestrator.report.tables.scales import print_projection, print_scales, print_scaling, print_slow
from orchestrator.report.tables.text import accuracy_time_text, dataset_text, quality_text
from orchestrator.report.tables.units import RateColumn, per_joule

RANKS_SHOWN = 8
MOST_RUNS = 100
"""Runs that a terminal shows one by one, seven lines each."""
SPARE = ("per rank", "cold", "warm", "ranks", "nodes")
"""Columns of the runs that a narrow terminal does without."""


@dataclass(frozen=True)
class Column:
    """A column of the table of runs, and what it shows of a run. A ``wrapped`` one's texts may take several lines."""

    heading: str
    justify: Literal["left", "right"]
    cell: Callable[[RunEntry], str]
    wrapped: bool = False


def number_text(value: float | None, digits: int = 1) -> str:
    """Return a number, or a dash for None."""
    return "–" if value is None else f"{value:.{digits}f}"


def spread_text(values: list[float | None]) -> str:
    """Return the throughput of each rank or, of many ranks, the least, the median and the greatest."""
    if not values:
        return "–"
    if len(values) <= RANKS_SHOWN:
        return " ".join(number_text(value) for value in values)
    found = three_numbers([value for value in values if value is not None])
    texts = " … ".join(number_text(value) for value in found) if found else number_text(None)
    return f"{texts} ({len(values)} ranks)"


def state_text(run: RunEntry) -> str:
    """Return the state, coloured."""
    colour = {"completed": "green", "running": "cyan"}.get(run["state"], "red")
    return f"[{colour}]{run['state']}[/{colour}]"


def samples_per_joule(run: RunEntry) -> str:
    """Return the work that a joule bought, a dash where nobody counted."""
    found = run["energy"]["samples_per_j"]
    return "–" if found is None else f"{found:.3g}"


def slowed_text(run: RunEntry) -> str:
    """Return how many devices were slowed by heat or a power limit, with which; a dash for none."""
    causes = ", ".join(dict.fromkeys(entry["by"] for entry in run["energy"]["slowed"]))
    return f"{devices_slowed(run)}: {causes}" if causes else "–"


def quality_column(runs: Sequence[RunEntry]) -> Column:
    """Return the column of the qualities: numbers alone, under metric and target, where all runs share both."""
    found = [run["quality"] for run in runs if run["quality"]["value"] is not None]
    shared = {(quality["metric"], quality["target"]) for quality in found}
    if len(shared) != 1:
        return Column("quality", "left", quality_text, wrapped=True)
    ((metric, target),) = shared
    heading = escape(str(metric)) + ("" if target is None else f"\n(target {target:.3g})")
    return Column(heading, "right", lambda run: number_text(run["quality"]["value"], 3), wrapped=True)


def run_columns(runs: Sequence[RunEntry]) -> list[Column]:
    """Return the columns of the table of runs. What no run has measured of energy has none."""
    rate = RateColumn.of(run["throughput"]["unit"] for run in runs)
    columns = [
        Column("run", "left", lambda run: escape(run["run"])),
        Column("state", "left", state_text),
        Column("nodes", "right", lambda run: str(run["nodes"])),
        Column("ranks", "right", lambda run: str(run["ranks"])),
        Column(
            rate.heading,
            "right",
            lambda run: rate.cell(number_text(run["throughput"]["run"]), run["throughput"]["unit"]),
        ),
        Column("cold", "right", lambda run: number_text(run["throughput"]["cold"])),
        Column("warm", "right", lambda run: number_text(run["throughput"]["warm"])),
        Column("per rank", "left", lambda run: spread_text(run["throughput"]["per_rank"]), wrapped=True),
        quality_column(runs),
        Column("time to\naccuracy", "right", accuracy_time_text),
    ]
    if any(run["energy"]["samples_per_j"] is not None for run in runs):
        columns.append(Column(per_joule(rate.unit) if rate.unit else "work/J", "right", samples_per_joule))
    if any(run["energy"]["slowed"] for run in runs):
        columns.append(Column("devices slowed by", "left", slowed_text, wrapped=True))
    return columns


def print_report(document: ReportDocument, console: Console) -> None:
    """Print the runs, their details, the scaling, the projection and the slow hosts.

    At a terminal MOST_RUNS are shown one by one; a pipe or a file gets all.
    """
    columns = run_columns(document["runs"])
    runs = chosen_runs(document["runs"]) if console.is_terminal else document["runs"]
    table = Table(title=f"Campaign {escape(document['campaign'])}", title_justify="left", expand=False)
    for column in columns:
        table.add_column(column.heading, justify=column.justify, no_wrap=not column.wrapped)
    for run in runs:
        table.add_row(*(column.cell(run) for column in columns))
    print_fitting(table, SPARE, console)
    if len(runs) < len(document["runs"]):
        shown = f"{len(runs)} of {len(document['runs'])} runs"
        words = f"  {shown}: those that did not complete or warn, and the first of the others; `report | less` has all"
        console.print(words, highlight=False, soft_wrap=True)
    for run in runs:
        # One call a run: each costs more than what it prints.
        console.print(Text("\n").join(details_of(run, console)), soft_wrap=True)
    print_inference(runs, console)
    print_comparison(document["comparison"], console)
    print_matrices(document["matrix"], console)
    print_scales(document["scales"], console)
    if any(entry["energy_to_accuracy_j"] for entry in document["scales"]):
        console.print(f"  {energy_scopes(document['runs'])}", markup=False, soft_wrap=True, highlight=False)
    print_scaling(document["scaling"], document["laws"], console)
    print_projection(document.get("projection", []), console)
    print_slow(document, console)


def chosen_runs(runs: Sequence[RunEntry]) -> list[RunEntry]:
    """Return at most MOST_RUNS, in their order: those that did not complete, that warn, and of the others the first."""
    if len(runs) <= MOST_RUNS:
        return list(runs)
    quiet = [run["state"] == "completed" and not run["warnings"] and not run["cause"] for run in runs]
    first = sorted(range(len(runs)), key=lambda place: quiet[place])[:MOST_RUNS]
    return [runs[place] for place in sorted(first)]


def details_of(run: RunEntry, console: Console) -> list[Text]:
    """Return the lines of a run's data set, hosts, phases and warnings, or the cause of its failure."""
    lines: list[Text] = []

    def add(text: str, style: str = "", markup: bool = True, highlight: bool = False) -> None:
        lines.append(console.render_str(text, style=style, markup=markup, highlight=highlight))

    name = escape(run["run"])
    if run["cause"]:
        add(f"[red]{name}: {run['state']}: {escape(run['cause'])}[/red]", highlight=True)
    if run["state"] != "completed":
        add(f"  logs: {escape(run['directory'])}", highlight=True)
        return lines
    dataset = run["dataset"]
    hosts = list(dict.fromkeys(run["hosts"]))
    phases = "  ".join(f"{phase} {seconds:.1f}" for phase, seconds in run["phases_s"].items())
    share = ", ".join(f"{100 * value:.1f} % {part}" for part, value in run["step_shares"].items())
    add(name, style="bold", highlight=True)
    add(f"  data: {escape(dataset_text(dataset))}")
    if hosts:
        add(f"  hosts: {escape(', '.join(hosts))}   step time: {share}")
    add(f"  phases, s: {phases}", markup=False)
    if run["achieved"]:
        add(f"  {achieved_text(run['achieved'])}", markup=False)
    if words := by_size_text(run):
        add(f"  {words}", markup=False)
    if energy := energy_text(run):
        add(f"  energy: {energy}", markup=False)
    for line in attempt_lines(run):
        add(line)
    for warning in run["warnings"]:
        add(f"  [yellow]warning: {escape(warning)}[/yellow]", highlight=True)
    return lines


def energy_text(run: RunEntry) -> str:
    """ "5,200 J of device+package (nvml+rapl), 310 W, 0.52 samples/J", what else may be in it, and what the scheduler
    has counted; "" where nobody has.
    """
    found = run["energy"]
    parts = [] if found["j"] is None else [measured_text(run)]
    account = found["account"]
    if account is not None:
        others = f"; {account['others']}" if account["others"] else ""
        parts.append(
            f"{account['j']:,.0f} J of the whole job by {account['source']}'s accounting, start-up in it{others}"
        )
    return "; ".join(parts)


def energy_scopes(runs: Sequence[RunEntry]) -> str:
    """ "Energy is of device+package (nvml+rapl), 0.41 to 0.52 samples/J", and what else may be in it; "" without."""
    rates: dict[str, list[float]] = {}
    for run in runs:
        found = run["energy"]
        if found["j"] is not None:
            others = f"; {found['others']}" if found["others"] else ""
            of = rates.setdefault(f"{found['scope'] or 'the nodes'} ({found['source']}){others}", [])
            of += [found["samples_per_j"]] if found["samples_per_j"] is not None else []
    units = dict.fromkeys(per_joule(run["throughput"]["unit"]) for run in runs)
    words = [f"{of}{spread_of(found, units)}" for of, found in rates.items()]
    return f"Energy is of {', and of '.join(words)}" if words else ""


def spread_of(rates: Sequence[float], units: Iterable[str]) -> str:
    """ ", 0.41 to 0.52 samples/J"; "" without any, or where runs count different things."""
    (unit, *others) = units
    if not rates or others:
        return ""
    low, high = f"{min(rates):.3g}", f"{max(rates):.3g}"
    return f", {low} {unit}" if low == high else f", {low} to {high} {unit}"


def measured_text(run: RunEntry) -> str:
    """What the meters counted while training."""
    found = run["energy"]
    parts = [f"{found['j']:,.0f} J of {found['scope'] or 'the nodes'} ({found['source']})"]
    if found["mean_w"] is not None:
        parts.append(f"{found['mean_w']:.0f} W")
    if found["samples_per_j"] is not None:
        parts.append(f"{found['samples_per_j']:.3g} {per_joule(run['throughput']['unit'])}")
    return ", ".join(parts) + (f"; {found['others']}" if found["others"] else "")


def achieved_text(found: AchievedEntry) -> str:
    """ "each device: 412 TFLOP/s (41.7 % of its bfloat16 peak), 1.2 TB/s to and from memory (36 % of …)"."""
    each = "each device" if found["accelerator"] else "each rank"
    parts = [f"{with_prefix(found['flop_per_s'], 'FLOP/s')}{fraction_text(found['of_bf16_peak'], 'its bfloat16 peak')}"]
    if found["bytes_per_s"] is not None:
        share = fraction_text(found["of_memory_bandwidth"], "its memory's bandwidth")
        parts.append(f"{with_prefix(found['bytes_per_s'], 'B/s')} to and from memory{share}")
    return f"{each}: {', '.join(parts)}"


def by_size_text(run: RunEntry) -> str:
    """ "by 6 N tokens/s: 412 TFLOP/s (41.7 % of its bfloat16 peak), N = 397,312 parameters"; "" where no N is told."""
    found = run["by_size"]
    if not found:
        return ""
    work = f"{with_prefix(found['flop_per_s'], 'FLOP/s')}{fraction_text(found['of_bf16_peak'], 'its bfloat16 peak')}"
    return f"by 6 N {run['throughput']['unit']}: {work}, N = {found['parameters']:,} parameters"


def with_prefix(value: float, unit: str) -> str:
    """Return a value with three digits and a prefix: "412 TFLOP/s"."""
    for factor, prefix in ((1e12, "T"), (1e9, "G")):
        if value >= factor:
            return f"{value / factor:.3g} {prefix}{unit}"
    return f"{value / 1e6:.3g} M{unit}"


def fraction_text(value: float | None, whole: str) -> str:
    """ " (41.7 % of its bfloat16 peak)", or "" if the peak is not known."""
    return "" if value is None else f" ({100 * value:.1f} % of {whole})"


def attempt_lines(run: RunEntry) -> Iterator[str]:
    """Yield the result of each attempt, if a run had several, and the time lost between them."""
    if not run["attempt_history"]:
        return
    for entry in run["attempt_history"]:
        steps = "no step kept"
        if entry["steps"]:
            first = entry["first_step"] or 0
            rate = f"{number_text(entry['throughput'])} {run['throughput']['unit']}"
            steps = f"steps {first + 1}–{first + entry['steps']}, {rate}"
        ended = entry["cause"] or entry["state"] or "ended without a word"
        yield f"  attempt {entry['attempt']}: {steps}; {escape(ended)}"
    lost = "  ".join(f"{name} {seconds:.1f}" for name, seconds in run["lost_s"].items())
    between = any(entry.get("between_hosts") for entry in run["attempt_history"])
    doubt = " (by the clocks of several hosts, as far as these agree)" if between else ""
    yield f"  lost, s: {lost}{doubt}"
