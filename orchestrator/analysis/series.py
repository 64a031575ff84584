"""Groups runs that differ in node count and repeat only, and summarises them by scale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from statistics import median

from orchestrator.analysis.epochs import Epochs, common_epochs
from orchestrator.analysis.intervals import SlowEnd, Summary, summary
from orchestrator.analysis.laws import Fit, fit_laws, serial_fractions
from orchestrator.analysis.losses import Split, lost_by_part, mean_split
from orchestrator.analysis.scaling import Efficiency, efficiencies
from orchestrator.analysis.statistics import Olympic, olympic_summary, variation
from orchestrator.plan import SCALES_AND_REPEATS
from orchestrator.records import unit_of
from orchestrator.store.entries import Measure, RunRow, columns_of

IDENTITY = ("benchmark", "dataset_name", "method", "cluster", "comm", "recipe", "scale", "mode")
DATASET = ("dataset_name", "dataset_source", "dataset_split", "dataset_version", "dataset_checksum")


@dataclass(frozen=True)
class Measured:
    """One run with the values that its series needs.

    ``samples_per_rank`` were trained in the time that ``split`` (means over ranks, s) divides. ``metrics`` are those of
    the last evaluation.
    """

    run: RunRow
    settings: Mapping[str, object]
    completed: bool
    split: Split | None = None
    samples_per_rank: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        """Node count."""
        return int(self.run["nodes"])

    def rate(self, epochs: Epochs) -> float | None:
        """Its throughput over those epochs, in its unit; None if it has none, or was not timed."""
        return (self.run.get("throughput_warm") if epochs == "warm" else self.run.get("throughput")) or None

    @property
    def unit(self) -> str:
        """The unit of its throughputs."""
        return unit_of(self.run)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns that all runs of a series share, as far as they are known of a failed run."""
        return tuple(map(str, columns_of(self.run, IDENTITY)))

    @property
    def work(self) -> tuple[object, ...]:
        """What must be the same at all scales for an efficiency to mean something: a rank's threads, and the batch, all
        ranks' under strong scaling and else each rank's; None where it is not known.
        """
        batch, ranks = self.run.get("global_batch"), self.run["ranks"]
        share = batch if batch is None or self.run["scale"] == "strong" else batch / ranks
        return self.run.get("threads_per_rank"), share


@dataclass(frozen=True)
class Scale:
    """All repeats at one node count. Throughputs are in the series' unit, times s, energies J.

    ``time_to_accuracy`` includes runs that missed their target. ``failed`` and ``cancelled`` count the runs that did
    not complete, by themselves or by somebody's hand; ``n`` are the others.
    """

    nodes: int
    ranks: int
    n: int
    failed: int
    cancelled: int
    rate: Summary
    cold: Summary | None
    warm: Summary | None
    variation: float | None
    time_to_accuracy: Olympic
    median_time_to_accuracy: float | None
    energy: Summary | None
    energy_to_accuracy: Summary | None
    quality: float | None
    split: Split | None
    runs: Sequence[Measured]


@dataclass(frozen=True)
class Series:
    """The scales of runs that are otherwise alike.

    ``unit`` is that of all throughputs, which are over the same ``epochs``. ``settings`` are the configuration keys in
    which this series differs from others of the same identity. ``lost`` and ``serial`` are by node count, above the
    base.
    """

    identity: Mapping[str, str]
    dataset: Mapping[str, str | None]
    unit: str
    epochs: Epochs
    settings: Mapping[str, object]
    metric: str | None
    target: float | None
    scales: list[Scale]
    efficiencies: list[Efficiency]
    fits: list[Fit]
    serial: Mapping[int, float]
    lost: Mapping[int, Mapping[str, float]] = field(default_factory=dict)

    @property
    def scaling_mode(self) -> str:
        """ "strong" or "weak": the kind of its efficiencies."""
        return "strong" if self.identity["scale"] == "strong" else "weak"


def flatten_keys(config: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Return a configuration by dotted keys."""
    result: dict[str, object] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            result |= flatten_keys(value, f"{name}.")
        else:
            result[name] = value
    return result


def group_into_series(runs: Iterable[Measured]) -> list[Series]:
    """Return the series among a campaign's runs, in order of appearance. Runs that all failed make no series.

    Runs of one configuration that did other work, as those of a sweep that version 0.1 planned, are in several.
    """
    groups: dict[tuple[str, ...], list[Measured]] = {}
    for run in runs:
        groups.setdefault(run.identity, []).append(run)
    result = []
    for members in groups.values():
        differing = differing_settings(members)
        parts: dict[tuple[str, ...], list[Measured]] = {}
        for member in members:
            if member.completed and member.rate("all"):
                data = tuple(str(member.run.get(name)) for name in DATASET)
                work = (member.unit, *map(str, member.work))
                key = (*data, *work, *(repr(member.settings.get(name)) for name in differing))
                parts.setdefault(key, []).append(member)
        lost_runs = [member for member in members if not member.completed]
        for part in parts.values():
            alike = [run for run in lost_runs if all(agree_in(run, part[0], key) for key in differing)]
            result.append(summarise_series(part, alike, {key: part[0].settings.get(key) for key in differing}))
    return result


def agree_in(one: Measured, other: Measured, key: str) -> bool:
    """Whether two runs agree in a setting."""
    return bool(one.settings.get(key) == other.settings.get(key))


def rates_of(runs: Iterable[Measured], epochs: Epochs) -> list[float]:
    """Return the throughputs of the runs that were timed, over those epochs."""
    return [rate for run in runs if (rate := run.rate(epochs))]


def differing_settings(members: Sequence[Measured]) -> list[str]:
    """Return the settings in which runs of one identity differ, without those that make scales and repeats."""
    values: dict[str, set[str]] = {}
    for member in members:
        for key, value in member.settings.items():
            values.setdefault(key, set()).add(repr(value))
    return sorted(key for key, found in values.items() if len(found) > 1 and key not in SCALES_AND_REPEATS)


def summarise_series(members: Sequence[Measured], failed: Sequence[Measured], settings: Mapping[str, object]) -> Series:
    """Return summaries, efficiencies, laws and losses of completed runs that are alike, all of which were timed."""
    by_nodes: dict[int, list[Measured]] = {}
    for member in members:
        by_nodes.setdefault(member.nodes, []).append(member)
    epochs = common_epochs(member.rate("warm") for member in members)
    rates = {nodes: rates_of(found, epochs) for nodes, found in by_nodes.items()}
    days = {nodes: days_of(found, members) for nodes, found in by_nodes.items()}
    scales = [
        summarise_scale(by_nodes[nodes], [run for run in failed if run.nodes == nodes], rates[nodes], days[nodes])
        for nodes in sorted(by_nodes)
    ]
    first = members[0].run
    strong = first["scale"] == "strong"
    several = len(scales) > 1
    return Series(
        dict(zip(IDENTITY, members[0].identity, strict=True)),
        {
            "name": first.get("dataset_name"),
            "source": first.get("dataset_source"),
            "split": first.get("dataset_split"),
            "version": first.get("dataset_version"),
            "checksum": first.get("dataset_checksum"),
        },
        members[0].unit,
        epochs,
        settings,
        first.get("metric"),
        first.get("target"),
        scales,
        efficiencies(rates, days) if several else [],
        fit_laws(rates, "strong" if strong else "weak") if several else [],
        serial_fractions(rates, "strong" if strong else "weak") if several else {},
        losses_by_scale(by_nodes),
    )


def days_of(runs: Sequence[Measured], members: Sequence[Measured]) -> list[str]:
    """Return the day (UTC) of each run: that on which the first run of its campaign among ``members`` was planned."""
    begun: dict[str, float] = {}
    for member in members:
        campaign, created = str(member.run.get("campaign")), float(member.run.get("created") or 0.0)
        begun[campaign] = min(created, begun.get(campaign, created))
    moments = [begun[str(run.run.get("campaign"))] for run in runs]
    return [str(datetime.fromtimestamp(moment, timezone.utc).date()) for moment in moments]


def summarise_scale(
    runs: Sequence[Measured], failed: Sequence[Measured], rates: Sequence[float], days: Sequence[str]
) -> Scale:
    """Return the summary of the repeats at one node count, ``failed`` those that did not complete; ``rates`` and
    ``days`` are those of the runs.
    """
    cancelled = sum(run.run["state"] == "cancelled" for run in failed)
    times = [run.run.get("time_to_accuracy_s") for run in runs]
    reached = [seconds for seconds in times if seconds is not None]
    qualities = column_values(runs, "quality")
    splits = [run.split for run in runs if run.split is not None]
    return Scale(
        runs[0].nodes,
        int(runs[0].run["ranks"]),
        len(runs),
        len(failed) - cancelled,
        cancelled,
        summary(rates, days=days),
        optional_summary(column_values(runs, "throughput_cold")),
        optional_summary(column_values(runs, "throughput_warm")),
        variation(rates),
        olympic_summary(times),
        median(reached) if reached else None,
        optional_summary(whole_energies(runs), "high"),
        optional_summary(column_values(runs, "energy_to_accuracy_j"), "high"),
        median(qualities) if qualities else None,
        mean_split(splits) if splits else None,
        runs,
    )


def column_values(runs: Sequence[Measured], name: Measure) -> list[float]:
    """Return a column's values of the runs that have one."""
    return [float(value) for run in runs if (value := run.run.get(name)) is not None]


def whole_energies(runs: Sequence[Measured]) -> list[float]:
    """Return the joules of the runs of which they are known, J: what the earlier attempts of a run took is not."""
    return column_values([run for run in runs if run.run.get("attempts", 1) <= 1], "energy_j")


def optional_summary(found: Sequence[float], slow: SlowEnd = "low") -> Summary | None:
    """Return the summary of values whose slow runs lie at that end; None without values."""
    return summary(found, slow) if found else None


def losses_by_scale(by_nodes: Mapping[int, Sequence[Measured]]) -> dict[int, dict[str, float]]:
    """Return, for each scale above the base, how much more a sample costs than at the base, by part
    (losses.lost_by_part).
    """
    base, *others = sorted(by_nodes)
    sides = {}
    for nodes, runs in by_nodes.items():
        found = [(run.split, run.samples_per_rank) for run in runs if run.split is not None and run.samples_per_rank]
        if found:
            sides[nodes] = (mean_split([split for split, _ in found]), sum(count for _, count in found) / len(found))
    if base not in sides:
        return {}
    return {
        nodes: lost_by_part(sides[base][0], sides[nodes][0], {"base": sides[base][1], "scaled": sides[nodes][1]})
        for nodes in others
        if nodes in sides
    }
