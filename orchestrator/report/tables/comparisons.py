"""Verdicts on the newest runs, for people at a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape

from orchestrator.report.comparison_entries import ComparisonDocument, HistoryDocument, SeriesKey
from orchestrator.report.tables.scales import table_of
from orchestrator.report.tables.text import short, subject_words

COLOURS = {"slower": "red", "faster": "green", "not enough runs": "yellow"}
SPARKS = "▁▂▃▄▅▆▇█"
MOST_SPARKS = 52


def print_verdicts(document: ComparisonDocument | HistoryDocument, console: Console) -> None:
    """A line a metric of each series, change points below, then what was not run again."""
    table = table_of(
        title_of(document),
        ["series", "nodes", "metric", "before", "n", "now", "n", "verdict", "smallest found", "by set, oldest first"],
        ("series", "metric", "verdict", "by set, oldest first"),
    )
    for series in document["series"]:
        for place, item in enumerate(series["metrics"]):
            colour = COLOURS.get(item["verdict"], "")
            text = escape(item["text"])
            least = item["detectable"]
            table.add_row(
                escape(name_of(series)) if place == 0 else "",
                str(series["nodes"]) if place == 0 else "",
                f"{item['metric'].replace('_', ' ')}, {item['unit']}",
                short(item["earlier_median"]),
                f"{item['earlier_n']} in {item['earlier_sets']}",
                short(item["median"]),
                str(item["n"]),
                f"[{colour}]{text}[/{colour}]" if colour else text,
                "–" if least is None else f"{100 * least:.1f} %",
                sparks([point["throughput"] for point in series["points"]]) if place == 0 else "",
            )
    console.print(table)
    for series in document["series"]:
        for change in series["change_points"]:
            way = "slower" if change["change"] < 0 else "faster"
            words = f"{name_of(series)}, {series['nodes']} nodes: {100 * abs(change['change']):.0f} % {way}"
            console.print(f"  {escape(words)} since {escape(change['set'])}", highlight=False, soft_wrap=True)
    for key in document["missing"]:
        console.print(f"  [yellow]not run again: {escape(name_of(key))}, {key['nodes']} nodes[/yellow]", soft_wrap=True)


def title_of(document: ComparisonDocument | HistoryDocument) -> str:
    """What is compared with what, and how surely."""
    alarm = f"false alarm in any of them: at most {100 * document['rule']['alpha']:.0f} %"
    if document["schema"] == "orchestrator.comparison/1":
        return f"{escape(document['target'])} against {escape(', '.join(document['base']))} ({alarm})"
    return f"Week {document['week']} against up to {document['window']} weeks before ({alarm})"


def name_of(series: SeriesKey) -> str:
    """A series in words."""
    words = [*subject_words(series), series["recipe"], series["comm"]]
    if series["mode"] != "training":
        words.append(series["mode"])
    if series["scale"] == "strong":
        words.append("strong")
    return f"{' '.join(words)} on {series['cluster']} ({series['dataset_source']} data)"


def sparks(values: list[float]) -> str:
    """The course of a series in a few characters, from its least to its greatest value."""
    values = values[-MOST_SPARKS:]
    low, high = min(values), max(values)
    if len(values) < 2 or high <= low:
        return ""
    return "".join(SPARKS[min(7, int(8 * (value - low) / (high - low)))] for value in values)
