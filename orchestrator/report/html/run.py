"""The page of one run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.report.entries.runs import RunEntry, ThroughputEntry
from orchestrator.report.html.folder import Folder, Table, page_name, time_text
from orchestrator.report.html.plots import accuracy, times
from orchestrator.report.html.plots.heat import plot_heat_map
from orchestrator.report.html.provenance import commit_text, run_provenance
from orchestrator.report.placement import draw_nodes
from orchestrator.report.run_files import own_attempt, read_picture
from orchestrator.report.tables import inference
from orchestrator.report.tables.runs import achieved_text, by_size_text, energy_text, with_prefix
from orchestrator.report.tables.text import accuracy_time_text, quality_text, short
from orchestrator.report.tables.units import RateColumn
from orchestrator.telemetry.heat import ThroughputMap, throughput_map

if TYPE_CHECKING:
    from orchestrator.store.entries import StoredManifest

MOST_NODES = 12
"""Most kinds of node whose cores are drawn."""
MOST_HOSTS = 8
STATES = {"ok": "ok", "warning": "differs", "error": "differs"}


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


def write_run(folder: Folder, campaign: str, run: RunEntry, manifest: StoredManifest, rate: RateColumn) -> RunLine:
    """Write a run's page; return what the campaign's page shows of the run."""
    name = f"run-{page_name(run['run'])}"
    attempt = own_attempt(run["directory"], campaign, run["run"], run["attempts"])
    content = throughput_map(attempt.telemetry) if attempt else None
    plots = [plot_heat_map(content, "heat", "Throughput by rank")] if content else []
    plots += [plot for plot in (times.plot_run_split(run), times.plot_phases([run])) if plot]
    plots += accuracy.plot_curves([run])
    drawn = read_picture(attempt.pictures) if attempt else None
    picture = folder.write(f"data/{name}.png", drawn) if drawn else None
    nodes = draw_nodes(run["placement"]) if run["placement"] else []
    tables = [*inference_tables(run), *(table for table in (promise_table(run),) if table)]
    contents = [(plot.key, plot.title) for plot in plots] + ([("pictures", "Samples")] if picture else [])
    contents += [("placement", "Placement")] if nodes else []
    contents += [(table.key, table.title) for table in tables]
    answer = run["state"] if not run["cause"] else f"{run['state']}: {run['cause']}"
    config = manifest.get("config")
    folder.page(
        name, "run.html", plots,
        title=run["run"], campaign=campaign, run=run, picture=picture,
        nodes=nodes[:MOST_NODES], more_nodes=nodes[MOST_NODES:],
        facts=[words for words in (
            f"{run['benchmark']} on {run['cluster']}", f"{run['nodes']} nodes, {run['ranks']} ranks",
            time_text(manifest["created"]) if "created" in manifest else "", commit_text(manifest),
        ) if words],
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


def epochs_text(throughput: ThroughputEntry) -> str:
    """Return the throughput of the first epoch and of the later ones, where they were told apart."""
    if throughput["cold"] is None and throughput["warm"] is None:
        return ""
    return f"first epoch {short(throughput['cold'])}, later {short(throughput['warm'])}"


def run_tiles(run: RunEntry) -> list[dict[str, str]]:
    """Return the figures at the top of a run's page."""
    throughput = run["throughput"]
    if throughput["run"] is None:
        return []
    tiles = [
        {
            "name": "Throughput",
            "value": f"{short(throughput['run'])} {throughput['unit']}",
            "detail": epochs_text(throughput),
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
    if run["achieved"]:
        work = with_prefix(run["achieved"]["flop_per_s"], "FLOP/s")
        detail = "; ".join(words for words in (achieved_text(run["achieved"]), by_size_text(run)) if words)
        tiles.append({"name": "Arithmetic", "value": work, "detail": detail})
    found = run["energy"]
    joules = found["j"] if found["j"] is not None else found["account"] and found["account"]["j"]
    if joules is not None:
        tiles.append({"name": "Energy", "value": f"{short(joules)} J", "detail": energy_text(run)})
    return tiles


def inference_tables(run: RunEntry) -> list[Table]:
    """Return the tables of a run that measured inference: latencies, and throughput by batch size."""
    found = run["inference"]
    if not found:
        return []
    subject = inference.subject_text(found)
    note = f"{subject[:1].upper()}{subject[1:]}. A percentile is the least latency that so many do not exceed."
    return [
        Table("latency", "Latency", note, inference.LATENCY, inference.latency_rows(found)),
        Table(
            "batches", "Throughput by batch", "Out of memory, the sum over the ranks.",
            inference.throughput_columns(found), inference.throughput_rows(found),
        ),
    ]  # fmt: skip


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
