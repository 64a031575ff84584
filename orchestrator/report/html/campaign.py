"""The page over all runs of a campaign."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.report import grid
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.runs import RunEntry
from orchestrator.report.entries.slow import SlowHostEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.html.folder import Folder, Table, time_text
from orchestrator.report.html.plots import accuracy, times
from orchestrator.report.html.plots.figure import Plot, count_text, distinguishing_keys
from orchestrator.report.html.plots.heat import plot_heat_map
from orchestrator.report.html.plots.projection import plot_projection
from orchestrator.report.html.plots.scaling import (
    group_by_line,
    line_name,
    plot_efficiency,
    plot_energy,
    plot_throughputs,
)
from orchestrator.report.html.provenance import campaign_provenance, commit_text
from orchestrator.report.html.run import RunLine, write_run
from orchestrator.report.recipes import FRACTIONS
from orchestrator.report.tables.runs import energy_scopes
from orchestrator.report.tables.text import headline, short
from orchestrator.report.tables.units import RateColumn, compared_text
from orchestrator.telemetry.heat import ThroughputMap

if TYPE_CHECKING:
    from orchestrator.store.entries import StoredManifest
    from orchestrator.store.store import RunRecord

MOST_PICTURES = 4
MOST_TILES = 4
"""Most series whose largest scale has figures at the top of the page."""
MOST_SLOW = 50


def write_campaign(
    document: ReportDocument, records: Sequence[RunRecord], output: Path, whole: Folder | None = None
) -> Path:
    """Write index.html and a page for each run; return the path of index.html. Raises UsageError.

    ``whole`` is the folder of a report of several campaigns, which ``output`` is in.
    """
    folder = Folder(output, whole)
    manifests = {record.run["run"]: record.manifest for record in records}
    rate = RateColumn.of(run["throughput"]["unit"] for run in document["runs"])
    runs = [
        write_run(folder, document["campaign"], run, manifests.get(run["run"], {}), rate) for run in document["runs"]
    ]
    drawn = campaign_plots(document, {item.entry["run"]: item.heat for item in runs})
    tables = campaign_tables(document)
    pictures = one_per_recipe([item for item in runs if item.picture])
    contents = [("runs", "Runs"), *((plot.key, plot.title) for plot in drawn), *((t.key, t.title) for t in tables)]
    matrices = [
        {"title": grid.title_of(entry), "methods": entry["methods"], "lines": grid.grid_of(entry),
         "sources": grid.sources_of(entry)}
        for entry in grid.shown(document["matrix"])
    ]  # fmt: skip
    if matrices:
        contents.insert(1, ("matrix", "Matrix"))
    contents += [("pictures", "Samples")] if pictures else []
    created = [record.run["created"] for record in records]
    page = folder.page(
        "index", "campaign.html", drawn,
        title=f"Campaign {document['campaign']}",
        facts=campaign_facts(document, manifests, min(created, default=None)),
        answer=headline(document),
        tiles_of=campaign_tiles(document),
        contents=[*contents, ("provenance", "Provenance")],
        runs=runs, rate=rate.heading, matrices=matrices, matrix_note=grid.NOTE, tables=tables, pictures=pictures,
        provenance=campaign_provenance(document, manifests), above=whole is not None,
    )  # fmt: skip
    folder.finish()
    return page


def campaign_plots(document: ReportDocument, maps: Mapping[str, ThroughputMap | None]) -> list[Plot]:
    """Return the plots over all runs, in the order in which readers ask."""
    runs = document["runs"]
    scales, scaling, laws = document["scales"], document["scaling"], document["laws"]
    plots = [*plot_throughputs(scales), *(plot_efficiency(scaling, laws, mode) for mode in ("weak", "strong"))]
    plots += [
        plot_projection(document.get("projection", [])),
        times.plot_lost_time(scaling),
        times.plot_time_split(scales),
    ]
    plots += [
        *accuracy.plot_curves(runs),
        *accuracy.plot_times_to_accuracy(runs),
        plot_energy(scales, energy_scopes(runs)),
        times.plot_phases(runs),
    ]
    largest: dict[str, RunEntry] = {}
    for run in runs:
        if maps.get(run["run"]) and run["ranks"] > largest.get(run["benchmark"], {"ranks": 0})["ranks"]:
            largest[run["benchmark"]] = run
    for place, run in enumerate(largest.values()):
        content = maps[run["run"]]
        assert content is not None
        plots.append(plot_heat_map(content, f"heat-{place}", f"Throughput by rank: {run['run']}"))
    return [plot for plot in plots if plot]


def campaign_tables(document: ReportDocument) -> list[Table]:
    """Return the tables of compared recipes and of stragglers."""
    tables = []
    if document.get("comparison"):
        rate = RateColumn.of(row["unit"] for row in document["comparison"])
        conditions = ["benchmark", "mode", "comm", "nodes", "recipe", "n"]
        columns = ["epochs", "speedup", "metric", "quality", "target", "time_to_accuracy_s", "reached"]
        columns += [
            name for name in FRACTIONS if any(values_of(row, [name]) != [None] for row in document["comparison"])
        ]
        rows = [
            [*values_of(row, conditions), *rate.values(row["samples_per_s"], row["unit"]), *values_of(row, columns)]
            for row in document["comparison"]
        ]
        note = (
            "Medians over repeats, of runs on the same data, machine and scale; the first recipe is the base. "
            f"Throughput of {compared_text(row['epochs'] for row in document['comparison'])}."
        )
        tables.append(Table("comparison", "Recipes compared", note, [*conditions, *rate.names, *columns], rows))
    slow = [
        [item["text"], f"{runs_looked_at(item)}: {item['slow']} of {item['runs']} runs"]
        for item in document["slow_hosts"]
    ]
    known = {(item["run"], item["host"]) for item in document["stragglers"] if item["kind"] == "host"}
    slow += [
        [item["text"], item["run"]]
        for item in document["stragglers"]
        if item["kind"] == "host" or (item["run"], item["host"]) not in known
    ]
    slow += [[text, item["run"]] for item in document["rank_spread"] if (text := item["text"])]
    note = (
        "Ranks and hosts whose own work (data and compute) took longer than the spread of such a fleet explains, or so "
        "long that they may be; waiting for others is not their own."
    )
    if any(run["ranks"] > 1 for run in document["runs"]):
        none = "" if slow else " None was."
        tables.append(Table("stragglers", "Stragglers", note + none, ("who", "where"), slow[:MOST_SLOW]))
    return tables


def runs_looked_at(item: SlowHostEntry) -> str:
    """Return the runs over which a host was judged: "this campaign" or "the weeks before"."""
    return "this campaign" if item["over"] == "campaign" else "the weeks before"


def campaign_tiles(document: ReportDocument) -> list[dict[str, str]]:
    """Return the figures at the top of the page."""
    named = distinguishing_keys(
        document["scales"], ("benchmark", "cluster", "run_mode", "dataset", "method", "comm", "recipe")
    )
    tiles = []
    for line in group_by_line(document["scales"])[:MOST_TILES]:
        entry = line[-1]
        name = f"{line_name(entry, named or ['benchmark'])}, {count_text(entry['nodes'], 'node')}"
        rate, time = entry["throughput"], entry["time_to_accuracy"]
        detail = [f"n = {entry['n']}"]
        if rate["interval"]:
            detail.insert(0, f"95 % [{short(rate['interval'][0])}, {short(rate['interval'][1])}]")
        tiles.append({"name": name, "value": f"{short(rate['mean'])} {rate['unit']}", "detail": ", ".join(detail)})
        if entry["run_mode"] == "training" and entry["quality"]["target"] is not None:
            words = (
                f"{time['reached']} of {time['n']} reached {entry['quality']['metric']} {entry['quality']['target']:g}"
            )
            seconds = time["olympic_mean_s"] if time["olympic_mean_s"] is not None else time["median_s"]
            what = "mean without fastest and slowest" if time["olympic_mean_s"] is not None else "median"
            value = "not reached" if seconds is None else f"{seconds:.1f} s to accuracy"
            tiles.append({"name": name, "value": value, "detail": words if seconds is None else f"{what}, {words}"})
    return tiles


def campaign_facts(
    document: ReportDocument, manifests: Mapping[str, StoredManifest], created: float | None
) -> list[str]:
    """Return benchmarks, machine, data, date and commit."""
    runs = document["runs"]
    facts = [", ".join(dict.fromkeys(run["benchmark"] for run in runs))]
    facts[0] += f" on {', '.join(dict.fromkeys(run['cluster'] for run in runs))}"
    sources = list(dict.fromkeys(run["dataset"]["source"] for run in runs if run["dataset"]["source"]))
    facts += [f"{' and '.join(sources)} data"] if sources else []
    facts += [time_text(created)] if created is not None else []
    commits = list(dict.fromkeys(commit_text(manifest) for manifest in manifests.values()))
    return facts + [words for words in commits if words]


def one_per_recipe(lines: Sequence[RunLine]) -> list[RunLine]:
    """Return one run for each (benchmark, data set, method, recipe, data source), that of the largest scale."""
    found = {
        (run["benchmark"], run["dataset"]["name"], run["method"], run["recipe"], run["dataset"]["source"]): line
        for line in lines
        for run in [line.entry]
    }
    return list(found.values())[:MOST_PICTURES]
