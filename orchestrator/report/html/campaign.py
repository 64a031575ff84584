"""The pages of a campaign: one over all its runs, and one for each run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.records import Processors
from orchestrator.report import matrix
from orchestrator.report.entries.document import ReportDocument
from orchestrator.report.entries.runs import DatasetEntry, RunEntry
from orchestrator.report.entries.slow import SlowHostEntry
from orchestrator.report.entries.values import values_of
from orchestrator.report.html.folder import Folder, Table, page_name, time_text
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
from orchestrator.report.placement import draw_nodes
from orchestrator.report.recipes import FRACTIONS
from orchestrator.report.tables.runs import energy_scopes, energy_text
from orchestrator.report.tables.text import accuracy_time_text, headline, quality_text, short
from orchestrator.report.tables.units import RateColumn
from orchestrator.telemetry.heat import ThroughputMap, throughput_map

if TYPE_CHECKING:
    from orchestrator.store.entries import StoredManifest
    from orchestrator.store.store import RunRecord

MOST_PICTURES = 4
MOST_TILES = 4
"""Most series whose largest scale has figures at the top of the page."""
MOST_SLOW = 50
MOST_NODES = 12
"""Most kinds of node whose cores are drawn."""
MOST_HOSTS = 8
STATES = {"ok": "ok", "warning": "differs", "error": "differs"}
COMMON = ("benchmark", "method", "cluster", "scale", "comm", "mode", "recipe")


@dataclass(frozen=True)
class RunLine:
    """What the campaign's page shows of a run: a line of texts, and the run's page, picture and heat map."""

    entry: RunEntry
    page: str
    picture: str | None
    heat: ThroughputMap | None
    throughput: str
    quality: str
    accuracy_time: str


def write_campaign(document: ReportDocument, records: Sequence[RunRecord], output: Path) -> Path:
    """Write index.html and a page for each run; return the path of index.html. Raises UsageError."""
    folder = Folder(output)
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
        {"title": matrix.title_of(entry), "methods": entry["methods"], "lines": matrix.grid_of(entry),
         "sources": matrix.sources_of(entry)}
        for entry in matrix.shown(document["matrix"])
    ]  # fmt: skip
    if matrices:
        contents.insert(1, ("matrix", "Matrix"))
    contents += [("pictures", "Samples")] if pictures else []
    created = [record.run["created"] for record in records]
    return folder.page(
        "index", "campaign.html", drawn,
        title=f"Campaign {document['campaign']}",
        facts=campaign_facts(document, manifests, min(created, default=None)),
        answer=headline(document),
        tiles_of=campaign_tiles(document),
        contents=[*contents, ("provenance", "Provenance")],
        runs=runs, rate=rate.heading, matrices=matrices, matrix_note=matrix.NOTE, tables=tables, pictures=pictures,
        provenance=campaign_provenance(document, manifests),
    )  # fmt: skip


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
        columns = ["speedup", "metric", "quality", "target", "time_to_accuracy_s", "reached"]
        columns += [
            name for name in FRACTIONS if any(values_of(row, [name]) != [None] for row in document["comparison"])
        ]
        rows = [
            [*values_of(row, conditions), *rate.values(row["samples_per_s"], row["unit"]), *values_of(row, columns)]
            for row in document["comparison"]
        ]
        note = "Medians over repeats, of runs on the same data, machine and scale; the first recipe is the base."
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


def commit_text(manifest: StoredManifest) -> str:
    """Return the commit of the code that ran."""
    git = manifest.get("provenance", {}).get("git", {})
    commit = git.get("commit")
    if not commit:
        return ""
    return f"commit {commit[:12]}{' with uncommitted changes' if git.get('dirty') else ''}"


def campaign_provenance(document: ReportDocument, manifests: Mapping[str, StoredManifest]) -> list[tuple[str, Any]]:
    """Return the settings that the runs share or differ in, then code and packages."""
    runs = document["runs"]
    pairs: list[tuple[str, Any]] = []
    for name in (*COMMON, "nodes", "ranks", "repeat", "seed", "config_hash"):
        values = list(dict.fromkeys(value for run in runs for value in values_of(run, [name])))
        words = [str(value)[:12] if name == "config_hash" else str(value) for value in values]
        pairs.append((name.replace("_", " "), ", ".join(words[:12]) + (" …" if len(words) > 12 else "")))
    sets = list(dict.fromkeys(dataset_text(run["dataset"]) for run in runs if run["dataset"]["source"]))
    pairs.append(("data", "; ".join(sets)))
    kinds = dict.fromkeys(processor_words(found) for run in runs for found in run["processors"])
    pairs += [("processors", words) for words in kinds]
    seen: dict[str, None] = {}
    for manifest in manifests.values():
        seen |= dict.fromkeys(provenance_texts(manifest))
    return pairs + [("code and packages", text) for text in seen]


def dataset_text(dataset: DatasetEntry) -> str:
    """Return name, source, split, version and checksum of a data set."""
    return (
        f"{dataset['name']}, {dataset['source']}, split {dataset['split']}, version {dataset['version']}, "
        f"checksum {str(dataset['checksum'])[:12]}"
    )


def provenance_texts(manifest: StoredManifest) -> list[str]:
    """Return code, packages and machine of a run in one line, or nothing if they are not known."""
    found = manifest.get("provenance", {})
    packages = ", ".join(f"{name} {version}" for name, version in found.get("packages", {}).items() if version)
    words = [commit_text(manifest), f"Python {found['python']}" if "python" in found else "", packages]
    if "host" in found:
        words.append(f"planned on {found['host']} ({found.get('machine')}, Linux {found.get('kernel')})")
    text = "; ".join(word for word in words if word)
    return [text] if text else []


def one_per_recipe(lines: Sequence[RunLine]) -> list[RunLine]:
    """Return one run for each (benchmark, data set, method, recipe, data source), that of the largest scale."""
    found = {
        (run["benchmark"], run["dataset"]["name"], run["method"], run["recipe"], run["dataset"]["source"]): line
        for line in lines
        for run in [line.entry]
    }
    return list(found.values())[:MOST_PICTURES]


# --- a run's own page -------------------------------------------------------------------------------------------------


def write_run(folder: Folder, campaign: str, run: RunEntry, manifest: StoredManifest, rate: RateColumn) -> RunLine:
    """Write a run's page; return what the campaign's page shows of the run."""
    name = f"run-{page_name(run['run'])}"
    attempt = Path(run["directory"]) / f"attempt-{run['attempts']}"
    content = throughput_map(attempt / "telemetry.h5") if run["attempts"] else None
    plots = [plot_heat_map(content, "heat", "Throughput by rank")] if content else []
    plots += [plot for plot in (times.plot_run_split(run), times.plot_phases([run])) if plot]
    plots += accuracy.plot_curves([run])
    picture = folder.copy(attempt / "samples.png", f"data/{name}.png")
    nodes = draw_nodes(run["placement"]) if run["placement"] else []
    tables = [table for table in (promise_table(run),) if table]
    contents = [(plot.key, plot.title) for plot in plots] + ([("pictures", "Samples")] if picture else [])
    contents += [("placement", "Placement")] if nodes else []
    contents += [(table.key, table.title) for table in tables]
    answer = run["state"] if not run["cause"] else f"{run['state']}: {run['cause']}"
    config = manifest.get("config")
    folder.page(
        name, "run.html", plots,
        title=run["run"], campaign=campaign, run=run, picture=picture,
        nodes=nodes[:MOST_NODES], more_nodes=nodes[MOST_NODES:],
        facts=[f"{run['benchmark']} on {run['cluster']}", f"{run['nodes']} nodes, {run['ranks']} ranks",
               time_text(manifest["created"]) if "created" in manifest else "", commit_text(manifest)],
        answer=answer[:1].upper() + answer[1:], tiles_of=run_tiles(run), tables=tables,
        contents=[*contents, ("provenance", "Provenance")],
        provenance=run_provenance(run, manifest),
        config=json.dumps(config, indent=1, ensure_ascii=False) if config else None,
    )  # fmt: skip
    throughput = run["throughput"]
    return RunLine(
        entry=run,
        page=f"{name}.html",
        picture=picture,
        heat=content,
        throughput=rate.cell(short(throughput["run"]), throughput["unit"]),
        quality=quality_text(run),
        accuracy_time=accuracy_time_text(run),
    )


def run_tiles(run: RunEntry) -> list[dict[str, str]]:
    """Return the figures at the top of a run's page."""
    throughput = run["throughput"]
    if throughput["run"] is None:
        return []
    tiles = [
        {
            "name": "Throughput",
            "value": f"{short(throughput['run'])} {throughput['unit']}",
            "detail": f"first epoch {short(throughput['cold'])}, later {short(throughput['warm'])}",
        }
    ]
    rates = [value for value in throughput["per_rank"] if value is not None]
    if rates:
        detail = f"slowest to fastest of {len(rates)} ranks"
        tiles.append({"name": "Per rank", "value": f"{short(min(rates))} to {short(max(rates))}", "detail": detail})
    if run["quality"]["value"] is not None:
        basis = run["quality"].get("basis")
        tiles.append({"name": "Quality", "value": f"{run['quality']['value']:.3f}", "detail": quality_text(run)})
        tiles[-1]["detail"] += f"; {basis}" if basis else ""
    if run["mode"] == "training":
        tiles.append({"name": "Time to accuracy", "value": accuracy_time_text(run), "detail": ""})
    found = run["energy"]
    joules = found["j"] if found["j"] is not None else found["account"] and found["account"]["j"]
    if joules is not None:
        tiles.append({"name": "Energy", "value": f"{short(joules)} J", "detail": energy_text(run)})
    return tiles


def promise_table(run: RunEntry) -> Table | None:
    """Return the table of what the profile promised of a node and what the ranks found there."""
    rows = []
    for group in run["promise"]:
        hosts, more = ", ".join(group["hosts"][:MOST_HOSTS]), len(group["hosts"]) - MOST_HOSTS
        hosts += f" and {more} more" if more > 0 else ""
        for one in group["compared"]:
            state = STATES[one["state"]] if one["promised"] else None
            rows.append([one["what"], one["promised"], one["found"], state, hosts])
    note = f"What the profile {run['cluster']} promises of a node, and what the ranks found before their first step."
    columns = ("what", "promised", "found", "state", "hosts")
    return Table("promise", "Promised and found", note, columns, rows) if rows else None


def processor_words(found: Processors) -> str:
    """ "Arm Neoverse-V2, 72 cores, microcode or revision r0p0"."""
    words = [found["name"]]
    words += [f"{found['cores']} cores a node"] if found.get("cores") else []
    words += [f"microcode or revision {found['microcode']}"] if found.get("microcode") else []
    return ", ".join(words)


def run_provenance(run: RunEntry, manifest: StoredManifest) -> list[tuple[str, Any]]:
    """Return all that identifies a run."""
    names = (*COMMON, "nodes", "ranks", "repeat", "seed", "attempts")
    pairs: list[tuple[str, Any]] = list(zip(names, values_of(run, names), strict=True))
    pairs.append(("hosts", ", ".join(dict.fromkeys(run["hosts"]))))
    pairs += [("processors", processor_words(found)) for found in run["processors"]]
    pairs.append(("data", dataset_text(run["dataset"]) if run["dataset"]["source"] else None))
    pairs.append(("training", ", ".join(f"{name} {value}" for name, value in run["training"].items())))
    pairs.append(("job", manifest.get("job_id")))
    pairs += [("code and packages", text) for text in provenance_texts(manifest)]
    return [*pairs, ("folder", run["directory"]), ("config hash", run["config_hash"])]
