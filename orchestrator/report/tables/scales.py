"""Tables for people that summarise many runs: results by scale, losses of scaling, slow hosts, projections."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.projection import PointEntry, ProjectionEntry
from orchestrator.report.entries.series import (
    AccuracyTime,
    LawEntry,
    ScaleEntry,
    ScaleThroughput,
    ScalingEntry,
    SeriesEntry,
)
from orchestrator.report.entries.values import Spread
from orchestrator.report.tables.fitting import print_fitting
from orchestrator.report.tables.text import short, subject_words
from orchestrator.report.tables.units import RateColumn, compared_text, warm_heading, warm_mark

LAWS = {"amdahl": "Amdahl", "gustafson": "Gustafson", "usl": "Universal Scalability Law"}
LOST = ("communication", "straggling", "data", "compute", "other")
MOST_LINES = 12


def table_of(title: str, columns: Sequence[str], texts: Sequence[str]) -> Table:
    """Return a table with numeric columns, except for those in ``texts``."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="left" if column in texts else "right")
    return table


def interval_text(spread: Spread | ScaleThroughput | None, digits: int = 1) -> str:
    """ "1056.6 [1050.1, 1061.0]"; the mean alone for one run; a dash for None."""
    if spread is None:
        return "–"
    text = f"{spread['mean']:.{digits}f}"
    low_high = spread["interval"]
    return f"{text} [{low_high[0]:.{digits}f}, {low_high[1]:.{digits}f}]" if low_high else text


def series_text(entry: SeriesEntry) -> str:
    """Return benchmark, recipe and communicator, and the settings in which the series differs from others."""
    words = [*subject_words(entry), entry["recipe"], entry["comm"]]
    if entry["run_mode"] != "training":
        words.append(entry["run_mode"])
    words += [f"{key.rpartition('.')[2]}={value}" for key, value in entry["settings"].items()]
    return escape(" ".join(words))


def accuracy_text(found: AccuracyTime) -> str:
    """Return MLPerf's mean time (or the median) with the number of runs that reached the target."""
    if found["reached"] == 0:
        return f"not reached (0 of {found['n']})"
    if found["olympic_mean_s"] is None:
        return f"median {found['median_s']:.1f} ({found['reached']} of {found['n']})"
    return f"{found['olympic_mean_s']:.1f} ({found['reached']} of {found['n']})"


def print_scales(entries: Sequence[ScaleEntry], console: Console) -> None:
    """Print geometric means by scale with their intervals, if any run was repeated or scaled."""
    if not any(entry["n"] + entry["failed"] + entry["cancelled"] > 1 for entry in entries) and len(entries) < 2:
        return
    texts = ("series", "scale=", "quality")
    rate_column = RateColumn.of(entry["throughput"]["unit"] for entry in entries)
    epochs = {entry["epochs"] for entry in entries}
    columns = [
        "series",
        "scale=",
        "nodes",
        "ranks",
        "runs",
        f"{rate_column.heading}{warm_heading(epochs)}",
        "cold",
        "variation",
        "quality",
    ]
    columns += ["time to accuracy, s", "energy to accuracy, J"]
    days = any(entry["throughput"]["basis"] == "days" for entry in entries)
    basis = " between days" if days else ""
    table = table_of(
        f"By scale: geometric means [95 % interval{basis}]; time to accuracy without fastest and slowest",
        columns,
        texts,
    )
    for entry in entries:
        rate, quality, time = entry["throughput"], entry["quality"], entry["time_to_accuracy"]
        others = [f"[red]{entry['failed']} failed[/red]"] if entry["failed"] else []
        others += [f"{entry['cancelled']} cancelled"] if entry["cancelled"] else []
        runs = str(entry["n"]) + (f" ({', '.join(others)})" if others else "")
        value = "–" if quality["median"] is None else f"{quality['metric']} {quality['median']:.3f}"
        trained = entry["run_mode"] == "training"
        table.add_row(
            series_text(entry),
            entry["scale"],
            str(entry["nodes"]),
            str(entry["ranks"]),
            runs,
            rate_column.cell(interval_text(rate), rate["unit"]) + warm_mark(entry["epochs"], epochs),
            interval_text(rate["cold"]),
            "–" if rate["variation"] is None else f"{100 * rate['variation']:.1f} %",
            escape(value),
            accuracy_text(time) if trained and (time["reached"] or quality["target"] is not None) else "–",
            interval_text(entry["energy_to_accuracy_j"], 0),
        )
    print_fitting(table, ("cold", "variation", "scale=", "ranks", "energy to accuracy, J", "nodes"), console)


def print_scaling(entries: Sequence[ScalingEntry], laws: Sequence[LawEntry], console: Console) -> None:
    """Print each efficiency with its base and the causes of the lost time, then the fitted laws."""
    if not entries:
        return
    epochs = {entry["epochs"] for entry in entries}
    columns = ["series", "mode", "nodes", "ranks", "efficiency", "95 % interval", "n", "base", "serial fraction"]
    table = table_of(
        f"Scaling by {compared_text(epochs)}; lost: what a sample costs more than at the base, % of its time there",
        [*columns, *(f"lost: {part}" for part in LOST)],
        ("series", "mode", "95 % interval", "base"),
    )
    for entry in entries:
        interval, serial = entry["interval"], entry["serial_fraction"]
        table.add_row(
            series_text(entry),
            entry["mode"],
            str(entry["nodes"]),
            str(entry["ranks"]),
            f"{entry['efficiency']:.3f}" + warm_mark(entry["epochs"], epochs),
            f"{interval[0]:.3f}–{interval[1]:.3f}" if interval else "one run",
            str(entry["n"]),
            f"{entry['base_nodes']} node{'s' if entry['base_nodes'] > 1 else ''}",
            "–" if serial is None else f"{serial:.3f}",
            *(f"{100 * entry['lost'][part]:+.1f}" if entry["lost"] else "–" for part in LOST),
        )
    print_fitting(table, [*(f"lost: {part}" for part in reversed(LOST)), "serial fraction", "base", "ranks"], console)
    for law in laws:
        console.print(f"  {law_text(law)}", highlight=False, soft_wrap=True)


def law_text(law: LawEntry) -> str:
    """Return a fitted law in one line."""
    ends = {name: f" [{low:.2g}, {high:.2g}]" for name, (low, high) in law["intervals"].items()}
    digits = ".3g" if law["intervals"] else ".1g"
    values = ", ".join(f"{name} {value:{digits}}{ends.get(name, '')}" for name, value in law["parameters"].items())
    left = (
        "as many parameters as scales: they are not tested"
        if law["rms"] is None
        else f"residuals {100 * law['rms']:.1f} %"
    )
    peak = f", greatest throughput at {short(round(law['peak_nodes'], 1))} nodes" if law["peak_nodes"] else ""
    return f"{series_text(law)}, {law['mode']}: {LAWS[law['law']]}: {values} ({left}{peak})"


def print_slow(document: ReportDocument, console: Console) -> None:
    """Print hosts that are often slow, then hosts and ranks slow in one run, and those of which it cannot be told.
    Ranks of a slow host are left out.
    """
    stragglers, hosts = document["stragglers"], document["slow_hosts"]
    lines = [item["text"] + (" (weeks before)" if item["over"] == "history" else "") for item in hosts]
    known = {(item["run"], item["host"]) for item in stragglers if item["kind"] == "host"}
    lines += [item["text"] for item in stragglers if item["kind"] == "host" or (item["run"], item["host"]) not in known]
    lines += [text for item in document["rank_spread"] if (text := item["text"])]
    for line in lines[:MOST_LINES]:
        console.print(f"[yellow]{escape(line)}[/yellow]", soft_wrap=True, highlight=False)
    if len(lines) > MOST_LINES:
        console.print(f"  … and {len(lines) - MOST_LINES} more stragglers (--json has all)")


def projected_text(item: PointEntry) -> str:
    """Return a projected efficiency with its band; far out on an unknown network, it is assumed."""
    low, high = item["band"]
    return f"{item['efficiency']:.3f} [{low:.2f}, {high:.2f}]" + (" assumed" if item["assumed"] else "")


def print_projection(entries: Sequence[ProjectionEntry], console: Console) -> None:
    """Print projected scales apart from measured ones, with the method's error on measured scales."""
    if not entries:
        return
    columns = ["series", "ranks", "nodes", "efficiency [plausible]", "step, s", "own", "straggling", "communication"]
    table = table_of("Projected, not measured: weak scaling simulated from the measured steps", columns, ("series",))
    for entry in entries:
        for item in entry["points"]:
            parts = (f"{item[name]:.4f}" for name in ("own_s", "straggling_s", "communication_s"))
            table.add_row(
                series_text(entry), str(item["ranks"]), str(item["nodes"]), projected_text(item),
                f"{item['step_s']:.4f}", *parts,
            )  # fmt: skip
    print_fitting(table, ("communication", "straggling", "own"), console)
    for entry in entries:
        network = entry["basis"]["network"]
        speed = f"{network['bandwidth'] / 1e9:.3g} GB/s and {1e6 * network['latency_s']:.3g} µs"
        console.print(
            f"  {series_text(entry)}: base {entry['base_ranks']} ranks, steps of {compared_text([entry['epochs']])}; "
            f"{network['algorithm']}, "
            f"{speed} ({escape(network['source'])}), "
            f"communication × {entry['basis']['communication_cost']:.3g}",
            highlight=False,
            soft_wrap=True,
        )
        for check in entry["check"]:
            on = " and ".join(str(count) for count in check["fitted_on"])
            console.print(
                f"    checked: from {on} ranks, {check['predicted']:.3f} at {check['ranks']}; measured "
                f"{check['measured']:.3f} (error {100 * check['error']:+.1f} points)",
                highlight=False,
                soft_wrap=True,
            )
