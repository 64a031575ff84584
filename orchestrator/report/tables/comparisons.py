"""Verdicts on the newest runs, for people at a terminal."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.markup import escape

from orchestrator.analysis.history import acceptance_text
from orchestrator.report.entries.comparison import ComparisonDocument, HistoryDocument
from orchestrator.report.tables.fitting import print_fitting
from orchestrator.report.tables.scales import table_of
from orchestrator.report.tables.text import short, subject_words
from orchestrator.store.entries import SeriesKey

COLOURS = {
    "slower": "red",
    "drifting": "red",
    "faster": "green",
    "too noisy": "yellow",
    "not enough runs": "yellow",
}
SPARKS = "▁▂▃▄▅▆▇█"
MOST_SPARKS = 26
COURSE = "by set, oldest first"
SPARE = (COURSE, "n before", "n now", "smallest found")
"""Columns that a narrow terminal does without, the first before the second."""
MOST_FITTED = 60


def print_verdicts(document: ComparisonDocument | HistoryDocument, console: Console) -> None:
    """Print a row for each metric of each series, then the changes of level, then the series that were not
    run again.
    """
    columns = ["series", "nodes", "metric", "before", "n before", "now", "n now", "verdict", "smallest found", COURSE]
    table = table_of(comparison_title(document), columns, ("series", "metric", "verdict", COURSE))
    alike = Counter(map(scale_name, document["series"]))

    def work_of(series: SeriesKey) -> str:
        """What tells series apart that are named alike."""
        return f", {work_text(series)}" if alike[scale_name(series)] > 1 else ""

    def named(series: SeriesKey) -> str:
        """Name and scale, as no other series has."""
        return scale_name(series) + work_of(series)

    for column in table.columns:
        column.no_wrap = column.header == COURSE
    for series in document["series"]:
        for place, item in enumerate(series["metrics"]):
            colour = COLOURS.get(item["verdict"], "")
            accepted = f" ({acceptance_text(item['accepted'])})" if item["accepted"] else ""
            text = escape(item["text"].removesuffix(accepted))
            least = item["detectable"]
            table.add_row(
                escape(series_name(series) + work_of(series)) if place == 0 else "",
                str(series["nodes"]) if place == 0 else "",
                f"{item['metric'].replace('_', ' ')}, {item['unit']}",
                short(item["earlier_median"]),
                f"{item['earlier_n']} in {item['earlier_sets']}",
                short(item["median"]),
                str(item["n"]),
                f"[{colour}]{text}[/{colour}]" if colour else text,
                "–" if least is None else f"{100 * least:.1f} %",
                spark_line([point["throughput"] for point in series["points"]]) if place == 0 else "",
            )
    # To find what fits, a table is drawn several times: hundreds of rows take seconds.
    print_fitting(table, SPARE if table.row_count <= MOST_FITTED else (), console)
    for series in document["series"]:
        accepted_changes = list(
            dict.fromkeys(acceptance_text(item["accepted"]) for item in series["metrics"] if item["accepted"])
        )
        for text in accepted_changes:
            console.print(f"  {escape(f'{named(series)}: {text}')}", highlight=False, soft_wrap=True)
        if document["schema"] != "orchestrator.comparison/1" and any(item["since"] for item in series["metrics"]):
            words = f"{named(series)}: to make the new level the base: "
            words += f"python -m orchestrator history accept {series['id']} --why TEXT"
            console.print(f"  {escape(words)}", highlight=False, soft_wrap=True)
    for series in document["series"]:
        for change in series["change_points"]:
            way = "slower" if change["change"] < 0 else "faster"
            words = f"{named(series)}: {100 * abs(change['change']):.0f} % {way}"
            console.print(f"  {escape(words)} since {escape(change['set'])}", highlight=False, soft_wrap=True)
        for other in series["processors"]:
            words = f"{named(series)}: {', '.join(other['before'])} became "
            words += f"{', '.join(other['after'])} in {other['set']}"
            console.print(f"  [yellow]{escape(words)}[/yellow]", highlight=False, soft_wrap=True)
    for key in document["missing"]:
        console.print(f"  [yellow]not run again: {escape(scale_name(key))}[/yellow]", soft_wrap=True)


def comparison_title(document: ComparisonDocument | HistoryDocument) -> str:
    """Return the sets that are compared, and the probability of a false alarm."""
    alarm = f"false alarm in any of them: at most {100 * document['rule']['alpha']:.0f} %"
    if document["schema"] == "orchestrator.comparison/1":
        return f"{escape(document['target'])} against {escape(', '.join(document['base']))} ({alarm})"
    return f"Week {document['week']} against up to {document['window']} weeks before ({alarm})"


def series_name(series: SeriesKey) -> str:
    """Return a series' name for people."""
    words = [*subject_words(series), series["recipe"], series["comm"]]
    if series["mode"] != "training":
        words.append(series["mode"])
    if series["scale"] == "strong":
        words.append("strong")
    return f"{' '.join(words)} on {series['cluster']} ({series['dataset_source']} data)"


def scale_name(series: SeriesKey) -> str:
    """Return a series' name with its number of nodes."""
    return f"{series_name(series)}, {series['nodes']} node{'s' if series['nodes'] != 1 else ''}"


def work_text(series: SeriesKey) -> str:
    """Return the batch of all ranks and the threads of each."""
    batch, threads = series["global_batch"], series["threads_per_rank"]
    known = [
        f"batch {batch}" if batch else "",
        f"{threads} thread{'s' if threads != 1 else ''} a rank" if threads else "",
    ]
    return ", ".join(filter(None, known)) or "batch and threads not known"


def spark_line(values: list[float]) -> str:
    """Return the values as a line of small bars, scaled from the least to the greatest."""
    values = values[-MOST_SPARKS:]
    low, high = min(values), max(values)
    if len(values) < 2 or high <= low:
        return ""
    return "".join(SPARKS[min(7, int(8 * (value - low) / (high - low)))] for value in values)
