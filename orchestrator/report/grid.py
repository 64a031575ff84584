"""The report's matrices as grids of texts, data sets × methods, which every form shows."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from math import floor, log10

from orchestrator.report.entries.matrix import (
    CellEntry,
    MatrixDataset,
    MatrixEntry,
    MeanEntry,
    MetricEntry,
    PublishedEntry,
)
from orchestrator.report.tables.text import short
from orchestrator.report.tables.units import RateColumn

COSTS = {"time_to_accuracy": "time to accuracy, s", "energy": "energy, J"}
"""What a cell cost beside its throughput, and how its line is headed."""
NOTE = (
    "mean ± standard deviation over n runs, in brackets where cells differ; "
    "bold: the best, where 95 % intervals part; published values are marked"
)

NOTHING = "–"
"""The text of a field that nothing is known for."""
MOST_PRECISE = 1e-6
"""A deviation below this share of its mean is one of last digits, which nobody wants to read of the mean."""


@dataclass(frozen=True)
class Field:
    """One field of the grid: its text, whether it is the best of its row, and published values beside it."""

    text: str
    best: bool
    published: str


@dataclass(frozen=True)
class Line:
    """One line of the grid: data set, metric or cost, and a field a method."""

    dataset: str
    quantity: str
    fields: list[Field]


def shown(entries: Sequence[MatrixEntry]) -> list[MatrixEntry]:
    """The matrices that say more than the tables of scales do: of several cells, of repeats at one scale, or with a
    published value.
    """
    scales = [(entry["benchmark"], entry["nodes"]) for entry in entries]
    several = {name for name, _ in scales if len({nodes for other, nodes in scales if other == name}) > 1}
    return [
        entry
        for entry in entries
        if len(entry["cells"]) > 1
        or (entry["benchmark"] not in several and (entry["published"] or entry["cells"][0]["n"] > 1))
    ]


def title_of(entry: MatrixEntry) -> str:
    """Return the title of a matrix."""
    nodes = f"{entry['nodes']} node{'s' if entry['nodes'] > 1 else ''}"
    mode = [entry["run_mode"]] if entry["run_mode"] != "training" else []
    swept = [f"{key.rpartition('.')[2]}={value}" for key, value in entry["settings"].items()]
    count = common_n(entry)
    runs = [] if count is None else [f"n = {count}"]
    return f"{entry['benchmark']}: {', '.join([entry['recipe'], *mode, entry['comm'], nodes, *swept, *runs])}"


def common_n(entry: MatrixEntry) -> int | None:
    """Return the number of runs of each cell, if all have the same."""
    counts = {cell["n"] for cell in entry["cells"]}
    return int(counts.pop()) if len(counts) == 1 else None


def grid_of(entry: MatrixEntry) -> list[Line]:
    """Data sets down, with the metrics of which it is stated which way is better and the costs; a field a method."""
    lines = []
    metrics = grid_metrics(entry)
    for row, dataset in enumerate(entry["datasets"]):
        label = f"{dataset['name']} ({dataset['source']})"
        cells = {cell["method"]: cell for cell in entry["cells"] if cell["row"] == row}
        for metric in metrics:
            fields = [metric_field(entry, cells.get(method), dataset, method, metric) for method in entry["methods"]]
            lines.append(Line(label, metric_words(metric), fields))
        rate = RateColumn.of(cell["throughput"]["unit"] for cell in cells.values())
        texts = [rate_text(cells.get(method), rate, common_n(entry)) for method in entry["methods"]]
        if any(text != NOTHING for text in texts):
            warm = ", warm" if all(cell["throughput"]["warm"] for cell in cells.values()) else ""
            lines.append(Line(label, f"{rate.heading}{warm}", [Field(text, False, "") for text in texts]))
        for cost, words in COSTS.items():
            texts = [cost_text(cells.get(method), cost, common_n(entry)) for method in entry["methods"]]
            if any(text != NOTHING for text in texts):
                lines.append(Line(label, words, [Field(text, False, "") for text in texts]))
    return lines


def grid_metrics(entry: MatrixEntry) -> list[MetricEntry]:
    """Those of which it is stated which way is better; the first where that is said of none."""
    return [metric for metric in entry["metrics"] if metric["better"]] or entry["metrics"][:1]


def metric_words(metric: MetricEntry) -> str:
    """ "accuracy ≥ 0.9", with the target where there is one."""
    sign = "≤" if metric["better"] == "lower" else "≥"
    return str(metric["name"]) + ("" if metric["target"] is None else f" {sign} {short(metric['target'])}")


def metric_field(
    entry: MatrixEntry,
    cell: CellEntry | None,
    dataset: MatrixDataset,
    method: str,
    metric: MetricEntry,
) -> Field:
    """A metric of a cell, and what is published of it."""
    name = metric["name"]
    found = cell["metrics"].get(name) if cell else None
    key = (dataset["name"], method, name)
    values = [
        short(item["value"]) for item in entry["published"] if (item["dataset"], item["method"], item["metric"]) == key
    ]
    # A number of other data is not to be read as one of these.
    on = " on real data" if values and dataset["source"] != "real" else ""
    return Field(mean_text(found, common_n(entry)), bool(found and found["best"]), ", ".join(values) + on)


def rate_text(cell: CellEntry | None, rate: RateColumn, usual: int | None) -> str:
    """Return a cell's throughput as text, with its unit where other methods have another."""
    return rate.cell(mean_text(cell["throughput"], usual), cell["throughput"]["unit"]) if cell else NOTHING


def cost_text(cell: CellEntry | None, cost: str, usual: int | None) -> str:
    """Return a cell's cost as text: "11.50 ± 0.71 (2/3)" if two of three runs reached the target."""
    if cell is None:
        return NOTHING
    if cost != "time_to_accuracy":
        return mean_text(cell["energy_j"], usual)
    if not cell["reached"]:
        return NOTHING if cell["target"] is None else "not reached"
    whole = cell["reached"] == cell["n"]
    text = mean_text(cell["time_to_accuracy_s"], usual if whole else cell["reached"])
    return text if whole else f"{text} ({cell['reached']}/{cell['n']})"


def mean_text(found: MeanEntry | None, usual: int | None) -> str:
    """ "0.823 ± 0.012 (3)": the deviation with two digits, the mean as precise as that, and of how many runs unless it
    is the ``usual`` number. Of runs that part in last digits alone: "0.7443 ± 2e-16".
    """
    if found is None:
        return NOTHING
    count = "" if found["n"] == usual else f" ({found['n']})"
    deviation = found["deviation"]
    if not deviation:
        return short(found["mean"]) + (" ± 0" if deviation == 0 else "") + count
    digits = max(0, 1 - floor(log10(float(f"{deviation:.1e}"))))
    if deviation < MOST_PRECISE * abs(found["mean"]):
        return f"{short(found['mean'])} ± {deviation:.1g}{count}"
    return f"{found['mean']:.{digits}f} ± {deviation:.{digits}f}{count}"


def sources_of(entry: MatrixEntry) -> list[str]:
    """Return the sources of the published values, a sentence each or a few."""
    of_source: dict[str, list[PublishedEntry]] = {}
    for item in entry["published"]:
        of_source.setdefault(item["source"], []).append(item)
    in_grid = {metric["name"] for metric in grid_metrics(entry)}
    return [
        f"published: {words}: {source}"
        for source, items in of_source.items()
        for words in published_words(items, in_grid)
    ]


def published_words(items: Sequence[PublishedEntry], in_grid: Set[str]) -> list[str]:
    """What a source's values are of: all in one, "z_diff, dci of dae on arrow, face", if the grid shows them; else each
    with its value.
    """
    if len(items) == 1 or not {item["metric"] for item in items} <= in_grid:
        return [f"{item['metric']} {short(item['value'])} of {item['method']} on {item['dataset']}" for item in items]
    metrics = dict.fromkeys(item["metric"] for item in items)
    methods = dict.fromkeys(item["method"] for item in items)
    datasets = dict.fromkeys(item["dataset"] for item in items)
    return [f"{', '.join(metrics)} of {', '.join(methods)} on {', '.join(datasets)}"]
