"""The verdict for people at a terminal, and the texts that other forms share."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orchestrator.acceptance.entries import CheckEntry, VerdictDocument
from orchestrator.acceptance.findings import FAIL, OUTCOMES, PASS, UNDECIDED, UNMEASURABLE
from orchestrator.report.html.plots.figure import count_text
from orchestrator.report.tables.fitting import print_fitting
from orchestrator.report.tables.text import short, with_interval

COLOURS = {PASS: "green", FAIL: "red", UNDECIDED: "yellow", UNMEASURABLE: "dim"}
CLASSES = {PASS: "good", FAIL: "bad", UNDECIDED: "warn", UNMEASURABLE: ""}


def bounds_text(check: CheckEntry) -> str:
    """ "≥ 0.9", "≤ 3" or "0.9 … 1.1"."""
    low, high = check["bounds"] or (None, None)
    if low is not None and high is not None:
        return f"{short(low)} … {short(high)}"
    return f"≥ {short(low)}" if low is not None else f"≤ {short(high)}" if high is not None else "–"


def value_text(check: CheckEntry) -> str:
    """Return "VALUE [LOW, HIGH] UNIT"."""
    text = measured_text(check)
    return text if check["value"] is None else f"{text} {check['unit']}"


def measured_text(check: CheckEntry) -> str:
    """Return "VALUE [LOW, HIGH]", a dash for what was not measured."""
    return with_interval(check["value"], check["interval"])


def check_title(check: CheckEntry) -> str:
    """Return the check's kind, quantity, workload, size and node count, without its phase."""
    words = [check["check"].replace("_", " "), check["quantity"] or "", check["workload"] or ""]
    words += [f"{check['size']} B"] if check["size"] else []
    words += [f"{check['nodes']} node{'s' if check['nodes'] > 1 else ''}"] if check["nodes"] else []
    return ", ".join(word for word in words if word)


def named_text(check: CheckEntry, most: int = 8) -> str:
    """Return the subjects that a check names, with their values."""
    words = [
        f"{one['what']} {one['name']}" + ("" if one["value"] is None else f" ({short(one['value'])})")
        for one in check["named"]
    ]
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def check_line(check: CheckEntry) -> str:
    """Return the check in one line, with Rich's markup."""
    colour = COLOURS[check["outcome"]]
    text = f"  [{colour}]{check['outcome']:>14}[/{colour}]  {escape(check_title(check))}: "
    text += escape(value_text(check))
    text += f", bound {bounds_text(check)}, n = {check['n']}" if check["n"] else ""
    text += f" → [{colour}]{escape(named_text(check))}[/{colour}]" if check["named"] else ""
    return text + (f" ({escape(check['why'])})" if check["why"] else "")


def places_text(document: VerdictDocument) -> str:
    """Return how many nodes a verdict is of, and how many hosts these are where several are one."""
    hosts, nodes = len(document["nodes"]), max((check["nodes"] or 0 for check in document["checks"]), default=0)
    return count_text(hosts, "node") if nodes <= hosts else f"{count_text(nodes, 'node')} ({count_text(hosts, 'host')})"


def verdict_headline(document: VerdictDocument) -> str:
    """Return the verdict in one or two sentences."""
    counts = document["counts"]
    parts = [f"{counts[name]} {name}" for name in OUTCOMES if counts[name]]
    text = f"{document['outcome'].upper()}: {document['suite']} on {document['cluster']}, {', '.join(parts)}"
    seconds = document["ended"] - document["started"]
    text += f", {count_text(document['runs'], 'run')} on {places_text(document)} in {seconds / 60:.1f} min."
    # Intervals are of the repeats alone: what is particular to a day is in all of them.
    text += " This session only: all runs are of one day." if document["days"] == 1 else ""
    for what, names in (("nodes", document["faulty"]["nodes"]), ("links", document["faulty"]["links"])):
        text += f" Faulty {what}: {', '.join(names)}." if names else ""
    if document["left_out"]:
        text += (
            f" Left out: {', '.join(one['node'] + ' (after ' + one['after'] + ')' for one in document['left_out'])}."
        )
    return text


def print_verdict(document: VerdictDocument, console: Console) -> None:
    """Print the table of checks, the reasons, then the headline."""
    table = Table(title=f"Acceptance {escape(document['name'])}", title_justify="left")
    for heading in ("phase", "check", "verdict", "value [95 % interval]", "bound", "unit", "n", "named"):
        table.add_column(heading, justify="right" if heading == "n" else "left")
    for check in document["checks"]:
        colour = COLOURS[check["outcome"]]
        table.add_row(
            escape(check["phase"]), escape(check_title(check)), f"[{colour}]{check['outcome']}[/{colour}]",
            escape(measured_text(check)), bounds_text(check), escape(check["unit"]),
            str(check["n"]), escape(named_text(check)),
        )  # fmt: skip
    print_fitting(table, ("named",), console)
    for check in document["checks"]:
        if check["why"] and check["outcome"] != PASS:
            console.print(f"  {escape(check_title(check))}: {escape(check['why'])}", soft_wrap=True, highlight=False)
    colour = COLOURS[document["outcome"]]
    console.print(f"[{colour}]{escape(verdict_headline(document))}[/{colour}]", soft_wrap=True, highlight=False)
