"""The verdict as a page to read, print and file: the record's index.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from orchestrator.acceptance.entries import CheckEntry, PhaseEntry, VerdictDocument
from orchestrator.acceptance.findings import FAIL, PASS, UNDECIDED, UNMEASURABLE
from orchestrator.acceptance.measurements import Measurement, of_the_same_epochs, read_measurements
from orchestrator.acceptance.node_checks import add_by_host, pairs_of
from orchestrator.acceptance.page_facts import phase_remark, record_pairs
from orchestrator.acceptance.presentation import (
    CLASSES,
    bounds_text,
    check_title,
    named_text,
    value_text,
    verdict_headline,
)
from orchestrator.acceptance.quantities import PROBED, QUANTITIES, bandwidths, latencies
from orchestrator.acceptance.record import Record
from orchestrator.analysis.fleet import bus_bandwidth, node_rates, relative_to_others
from orchestrator.records import NodeInventory, read_record
from orchestrator.report.html.folder import Folder, Table, time_text
from orchestrator.report.html.plots import acceptance as plots
from orchestrator.report.html.plots.figure import Plot
from orchestrator.report.tables.text import short, with_interval

MOST_NODES = 64
"""Nodes in the plots of nodes and pairs. On larger machines the failed ones are shown, then the first of the others."""


def write_page(record: Record, document: VerdictDocument, output: Path | None = None) -> Path:
    """Write index.html and the data of its plots into the record, or another folder; return its path. Made again of
    the same record it is the same. Raises UsageError, RecordError.
    """
    runs = read_measurements(record.path, record.session().entries)
    probes = [run for run in runs if run.probe is not None]
    drawn = [plot for plot in all_plots(document, probes) if plot]
    inventory = read_record(record.path / "inventory.json", dict[str, NodeInventory])
    tables = [node_table(inventory), rate_table(probes), run_table(runs)]
    tables = [table for table in tables if table.rows]
    phases = [phase_entry(phase, document["checks"]) for phase in document["phases"]]
    contents = [(f"phase-{place + 1}", phase["name"].capitalize()) for place, phase in enumerate(document["phases"])]
    contents += [(plot.key, plot.title) for plot in drawn] + [(table.key, table.title) for table in tables]
    return Folder(output or record.path).page(
        "index", "acceptance.html", drawn,
        title=page_title(document),
        facts=[f"suite {document['suite']}", document["name"], time_text(document["started"])],
        answer=verdict_headline(document),
        tiles_of=tile_entries(document), reasons=reason_entries(document),
        contents=[*contents, ("record", "Record"), ("signatures", "Signatures")],
        written=time_text(document["ended"]),
        phases=phases, tables=tables,
        record=record_pairs(record, document, inventory),
    )  # fmt: skip


def page_title(document: VerdictDocument) -> str:
    """Return the heading of the page, which states the outcome."""
    return f"Acceptance of {document['cluster']}: {document['outcome']}"


def tile_entries(document: VerdictDocument) -> list[dict[str, str]]:
    """Return the four figures at the top of the page."""
    faulty = [*document["faulty"]["nodes"], *document["faulty"]["links"]]
    counts = document["counts"]
    decided = f"{counts[FAIL]} {FAIL}, {counts[UNDECIDED]} {UNDECIDED}, {counts[UNMEASURABLE]} {UNMEASURABLE}"
    return [
        {"name": "verdict", "value": document["outcome"], "detail": f"exit code {document['exit_code']}"},
        {"name": "checks passed", "value": str(counts[PASS]), "detail": decided},
        {"name": "named as faulty", "value": ", ".join(faulty[:4]) or "none", "detail": ""},
        {
            "name": "wall time",
            "value": f"{(document['ended'] - document['started']) / 60:.1f} min",
            "detail": f"{document['runs']} runs",
        },
    ]


def reason_entries(document: VerdictDocument) -> list[dict[str, str]]:
    """Return the checks that failed, then the undecided ones, with their values and names."""
    return [
        {
            "outcome": outcome, "tone": CLASSES[outcome], "check": check_title(check), "named": named_text(check),
            "value": f"{value_text(check)}, bound {bounds_text(check)}" if check["value"] is not None else check["why"],
        }
        for outcome in (FAIL, UNDECIDED) for check in document["checks"] if check["outcome"] == outcome
    ]  # fmt: skip


def phase_entry(phase: PhaseEntry, checks: Sequence[CheckEntry]) -> dict[str, object]:
    """Return a phase with its checks as texts."""
    shown = [
        {
            "title": check_title(check), "outcome": check["outcome"], "tone": CLASSES[check["outcome"]],
            "value": with_interval(check["value"], check["interval"]), "bound": bounds_text(check),
            "unit": check["unit"], "n": check["n"], "named": named_text(check),
            "remarks": ". ".join(text for text in (check["basis"], check["why"]) if text),
        }
        for check in checks if check["phase"] == phase["name"]
    ]  # fmt: skip
    remark = (
        phase_remark([check["outcome"] for check in checks if check["phase"] == phase["name"]]) if phase["ran"] else ""
    )
    return {**phase, "tone": CLASSES[phase["outcome"]], "checks": shown, "remark": remark}


def all_plots(document: VerdictDocument, probes: Sequence[Measurement]) -> list[Plot | None]:
    """Return the page's plots, None for one without data."""
    drawn = [plots.plot_margins(document["checks"], [check_title(check) for check in document["checks"]])]
    if not probes:
        return drawn
    hosts = shown_hosts(document)
    ratios: dict[str, dict[str, list[float]]] = {}
    for quantity, name in PROBED.items():
        values: dict[str, list[float]] = {}
        for run in probes:
            if run.probe is not None and run.nodes > 1:
                add_by_host(values, run, relative_to_others(node_rates(run.probe[name], run.ranks_per_node)))
        kept = {host: values[host] for host in hosts if values.get(host)}
        if kept:
            ratios[quantity] = kept
    drawn.append(plots.plot_nodes(ratios))
    last = max(probes, key=lambda run: (run.nodes, run.created))
    for size in last.settings["probe"]["pair_sizes"]:
        rates = {
            (last.node_hosts[pair[0]], last.node_hosts[pair[1]]): 1e-9
            * float(bus_bandwidth(1 / float(np.median(values)), size, 2 * last.ranks_per_node))
            for pair, values in pairs_of(last, size).items()
        }
        members = [host for host in hosts if host in last.node_hosts]
        drawn.append(plots.plot_pairs(members, rates, size, "busbw, GB/s", str(size)))
    drawn.append(plots.plot_messages(message_rows(last), len(last.hosts)))
    return drawn


def shown_hosts(document: VerdictDocument) -> list[str]:
    """Return the hosts that the plots show, sorted: at most MOST_NODES, failed ones first."""
    named = [host for host in document["nodes"] if host in document["faulty"]["nodes"]]
    others = [host for host in document["nodes"] if host not in named]
    return sorted([*named[:MOST_NODES], *others[: max(0, MOST_NODES - len(named))]])


def message_rows(run: Measurement) -> list[list[float]]:
    """Return (bytes, µs, algorithm bandwidth GB/s, bus bandwidth GB/s) for each size of an allreduce over all ranks."""
    rows = []
    for size in run.settings["probe"]["sizes"]:
        found = latencies(run, size)
        if len(found):
            micro = float(np.median(found))
            rows.append([size, micro, 1e-3 * size / micro, float(np.median(bandwidths(run, size)))])
    return rows


def rate_table(probes: Sequence[Measurement]) -> Table:
    """Return the table of the median node's rates."""
    rows = []
    for name, quantity in QUANTITIES.items():
        if quantity.of_probe and name not in ("bus_bandwidth", "latency"):
            values = [value for run in probes for value in quantity.values(run, None)]
            if values:
                rows.append([name.replace("_", " "), float(np.median(values)), min(values), max(values), quantity.unit, len(values)])  # fmt: skip  # noqa: E501
    columns = ["quantity", "median", "least", "most", "unit", "n"]
    return Table("rates", "Rates of the median node", "Over the rounds of all probes.", columns, rows)


def node_table(inventory: Mapping[str, NodeInventory]) -> Table:
    """Return the table of the nodes' hardware and software."""
    rows = []
    for host, facts in inventory.items():
        cpu, firmware = facts.get("processor", {}), facts.get("firmware", {})
        chips = [
            f"{one['name']} ({one.get('driver') or 'driver unknown'})"
            if "name" in one
            else f"no answer: {one.get('error') or 'for no reason that is known'}"
            for one in facts.get("accelerators", [])
        ]
        links = [
            " ".join(
                text for text in (one.get("name"), one.get("driver"), one.get("rate"), one.get("firmware")) if text
            )
            for one in facts.get("network", [])
        ]
        rows.append(
            [
                host, f"{cpu.get('model') or 'unknown'}, {short(cpu.get('cores'))} cores",
                f"{short(facts.get('memory_gib'))} GiB", "; ".join(dict.fromkeys(chips)) or "none", "; ".join(links),
                facts.get("kernel"), facts.get("mpi"), firmware.get("bios"), firmware.get("microcode"),
            ]
        )  # fmt: skip
    columns = ["node", "processor", "memory", "accelerators", "network", "kernel", "mpi", "bios", "microcode"]
    note = "Collected by the probe on each node; inventory.json has more. A dash: an ordinary user cannot read it."
    return Table("inventory", "Nodes", note, columns, rows)


def run_table(runs: Sequence[Measurement]) -> Table:
    """Return the table of all runs; those of one workload and phase have rates of the same epochs."""
    alike: dict[tuple[str, str], list[Measurement]] = {}
    for run in runs:
        alike.setdefault((run.entry.phase, run.entry.workload), []).append(run)
    rates = {run.entry.folder: run.throughput for members in alike.values() for run in of_the_same_epochs(members)}
    rows = [
        [
            run.entry.phase, run.entry.workload, f"{run.entry.campaign}/{run.entry.run}", run.state, run.nodes,
            rates[run.entry.folder], run.quality["value"] if run.quality else None, run.time_to_accuracy, run.source,
            run.cause,
        ]
        for run in runs
    ]  # fmt: skip
    columns = ["phase", "workload", "run", "state", "nodes", "samples_per_s", "quality", "time_to_accuracy_s", "data", "cause"]  # fmt: skip  # noqa: E501
    return Table("runs", "Runs", "Their manifests and telemetry are under runs/.", columns, rows)
