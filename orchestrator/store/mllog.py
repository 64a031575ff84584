"""Reads MLPerf logs as runs of the store, so that published results stand beside a facility's own: ``result_*.txt`` of
submissions by HPC's and by training's rules, and those that this program writes.

What a log says is kept as it says it: the time to accuracy is from run_start to run_stop. HPC's rules up to 2.0 have
staging within that, later ones and this program before it; the phase's name says which, so that both times can be told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.records import ONLY_METHOD, throughput_unit
from orchestrator.store.entries import EvaluationRow, PhaseRow
from orchestrator.store.rows import RunRecord

PREFIX = ":::MLLOG "
MOST_BYTES = 64 * 2**20
"""Largest log that is read: the largest of published ones have a few megabytes."""
HPC = ("cosmoflow", "deepcam", "oc20", "open_catalyst", "openfold")
NEEDED = ("submission_benchmark", "submission_org", "global_batch_size")
STAGED_WITHIN, STAGED_BEFORE = "staging (in run)", "staging"
QUALITY = {"eval_accuracy": True, "eval_error": False, "eval_loss": False}
"""Keys of an evaluation's quality, and whether more is better; the first that a log has counts."""


TRAINED = "trained_samples"
"""Of an epoch's end, in logs that this program writes: how many samples were trained since its start."""


class LogError(ValueError):
    """A log that cannot be imported, and why."""


@dataclass
class Events:
    """The events of one log, in order: (key, time s, value, metadata)."""

    items: list[tuple[str, float, Any, Mapping[str, Any]]] = field(default_factory=list)

    def value(self, key: str) -> Any:
        """Return the one value that a key has, None if it has none. Raises LogError for several."""
        found = {json.dumps(value, sort_keys=True): value for name, _, value, _ in self.items if name == key}
        if len(found) > 1:
            raise LogError(f"it has {len(found)} values of {key}: more than one submission is in it")
        return next(iter(found.values()), None)

    def times(self, key: str) -> list[float]:
        """Return the moments of a key's events, s since the epoch."""
        return [moment for name, moment, _, _ in self.items if name == key]


def find_logs(place: Path) -> list[Path]:
    """Return a log, or those in a folder; results that a submitter pruned are left out, as in its own score."""
    if place.is_file():
        return [place]
    return sorted(path for path in place.rglob("result_*.txt") if "pruned_results" not in path.parts)


def read_logs(place: Path) -> tuple[list[RunRecord], dict[str, str]]:
    """Return the runs of the logs in a place, and why the others were skipped, by their path."""
    records, skipped = [], {}
    for path in find_logs(place):
        try:
            records.append(run_of_log(path, read_events(path)))
        except (LogError, OSError) as error:
            skipped[str(path)] = str(error)
    return records, skipped


def read_events(path: Path) -> Events:
    """Return the events of a log. Raises LogError for one that is none, is too large or has a damaged line."""
    if path.stat().st_size > MOST_BYTES:
        raise LogError(f"it has more than {MOST_BYTES // 2**20} MiB")
    events = Events()
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            _, prefix, text = line.partition(PREFIX)
            if not prefix:
                continue
            try:
                event = json.loads(text)
                item = (event["key"], event["time_ms"] / 1000, event["value"], event.get("metadata") or {})
            except (ValueError, KeyError, TypeError) as error:
                raise LogError(f"line {number} breaks off or is no event ({error})") from error
            events.items.append(item)
    if not events.items:
        raise LogError("it has no line of an MLPerf log")
    return events


def run_of_log(path: Path, events: Events) -> RunRecord:
    """Return a log as a completed run. Raises LogError if it breaks off, lacks keys or holds more than one run."""
    started, stopped = events.times("run_start"), events.times("run_stop")
    if len(started) != 1 or len(stopped) > 1:
        raise LogError(f"it has {len(started)} run_start and {len(stopped)} run_stop: one run is expected")
    if not stopped:
        raise LogError("it breaks off: there is no run_stop")
    missing = [key for key in NEEDED if events.value(key) in (None, "")]
    if missing:
        raise LogError(f"it lacks {', '.join(missing)}")
    begin, end = started[0], stopped[0]
    if not end > begin:
        raise LogError("its run_stop is not after its run_start")
    benchmark, system = str(events.value("submission_benchmark")), system_of(path, events)
    nodes = whole_number(events, "number_of_nodes", 1)
    ranks = whole_number(events, "number_of_ranks", nodes * whole_number(events, "accelerators_per_node", 1))
    reached = status_of(events) == "success"
    metric, evaluations = evaluations_of(events, begin)
    organisation = str(events.value("submission_org"))
    rules = "hpc" if benchmark in HPC else "training"
    rate = throughput_of(events, begin, end)
    quality = evaluations[-1]["value"] if evaluations else None
    stated = {"metric": metric, "higher_is_better": QUALITY[metric]} if metric else {}
    campaign = name_of(f"mlperf-{organisation}-{system}-{benchmark}")
    config = {
        "benchmark": {"name": benchmark, "quality": stated}, "nodes": [nodes], "ruleset": rules,
        "division": events.value("submission_division"), "global_batch_size": events.value("global_batch_size"),
    }  # fmt: skip
    return RunRecord(
        {
            "campaign": campaign, "run": name_of(path.stem), "benchmark": benchmark, "cluster": name_of(system),
            "comm": "published", "mode": "training", "method": ONLY_METHOD, "recipe": f"mlperf-{rules}",
            "scale": "weak" if "weak" in path.parts else "strong", "nodes": nodes, "ranks": ranks,
            "repeat": int(re.sub(r"\D", "", path.stem) or 0), "seed": seed_of(events), "state": "completed",
            "attempts": 1, "created": begin, "ended": end, "config_hash": "",
            "stopped": "target" if reached else "epochs",
            "dataset_name": benchmark, "dataset_source": "real", "dataset_split": None, "dataset_version": None,
            "dataset_checksum": None, "throughput_unit": throughput_unit(), "throughput": rate,
            "throughput_warm": None, "metric": metric, "quality": quality,
            "target": None, "time_to_accuracy_s": end - begin if reached else None, "cause": None,
            "directory": str(path.parent), "manifest": json.dumps({"created": begin, "config": config}),
            "result": json.dumps({
                "published": {"organisation": organisation, "system": system, "ruleset": rules},
                "quality": {"all": {metric: quality} if metric else {}},
            }),
        },
        evaluations=evaluations,
        phases=phases_of(events, begin),
    )  # fmt: skip


def system_of(path: Path, events: Events) -> str:
    """Return the system's name: that of its folder in a submission (results/SYSTEM/…), else the platform's."""
    parts = path.parts
    if "results" in parts[:-2]:
        return parts[len(parts) - 1 - parts[::-1].index("results") + 1]
    return str(events.value("submission_platform") or "unknown")


def name_of(text: str) -> str:
    """Return the text as a name of letters, digits, '.', '_' and '-'."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:120]


def whole_number(events: Events, key: str, otherwise: int) -> int:
    """Return a key's whole number. Raises LogError for anything else."""
    value = events.value(key)
    # Machines without accelerators have 0 of them: their ranks are counted by node.
    if value in (None, 0):
        return otherwise
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value != int(value):
        raise LogError(f"its {key} is {value!r}, not a whole number")
    return int(value)


def seed_of(events: Events) -> int:
    """Return the seed, 0 where there is none that a store can keep."""
    found = [value for key, _, value, _ in events.items if key == "seed" and isinstance(value, int)]
    return found[0] if found and 0 <= found[0] < 2**63 else 0


def status_of(events: Events) -> str:
    """Return how the run ended: "success" if it reached its target."""
    ends = [metadata for key, _, _, metadata in events.items if key == "run_stop"]
    return str(ends[-1].get("status", ""))


def evaluations_of(events: Events, begin: float) -> tuple[str | None, list[EvaluationRow]]:
    """Return the key of the quality and the evaluations after run_start, s from it."""
    for name in QUALITY:
        found = [
            (moment, value, metadata)
            for key, moment, value, metadata in events.items
            if key == name and isinstance(value, int | float) and moment >= begin
        ]
        if found:
            return name, [
                {
                    "number": number, "seconds": moment - begin, "value": float(value),
                    "epoch": int(metadata.get("epoch_num") or metadata.get("epoch") or number),
                }
                for number, (moment, value, metadata) in enumerate(found)
            ]  # fmt: skip
    return None, []


def phases_of(events: Events, begin: float) -> list[PhaseRow]:
    """Return init and staging, s; staging by a name that says whether it is within the run."""
    found: list[PhaseRow] = []
    for name in ("init", "staging"):
        starts, stops = events.times(f"{name}_start"), events.times(f"{name}_stop")
        if len(starts) == 1 == len(stops) and stops[0] >= starts[0]:
            within = name == "staging" and starts[0] >= begin
            label = STAGED_WITHIN if within else STAGED_BEFORE if name == "staging" else name
            found.append({"name": label, "seconds": stops[0] - starts[0]})
    return found


def throughput_of(events: Events, begin: float, end: float) -> float | None:
    """Return samples/s of the training epochs, evaluation left out.

    None where a log counts neither samples nor epochs.
    """
    samples = events.value("train_samples")
    if not isinstance(samples, int | float) or samples <= 0:
        return None
    epochs = [(trained, seconds) for trained, seconds in epochs_of(events, float(samples), end) if seconds > 0]
    return sum(trained for trained, _ in epochs) / sum(seconds for _, seconds in epochs) if epochs else None


def epochs_of(events: Events, samples: float, end: float) -> Iterator[tuple[float, float]]:
    """Yield how many samples each epoch trained and for how many seconds: from its start to its first evaluation or its
    end, and between its evaluations.

    An epoch trains all ``samples``, unless its end says how many, as this program's does: it may have been cut short.
    Only then is it known to have trained after its last evaluation, too.
    """
    since: float | None = None
    seconds: float | None = None
    evaluated = False
    for key, moment, _, metadata in events.items:
        if moment > end:
            continue
        if key == "epoch_start":
            if seconds:
                yield samples, seconds
            since, seconds, evaluated = moment, 0.0, False
        elif seconds is None:
            continue
        elif key == "eval_start" and since is not None:
            seconds += moment - since
            since, evaluated = None, True
        elif key == "eval_stop":
            since = moment
        elif key == "epoch_stop":
            trained = metadata.get(TRAINED)
            if since is not None and (trained is not None or not evaluated):
                seconds += moment - since
            if trained is None:
                yield samples, seconds
            elif isinstance(trained, int) and 0 < trained <= samples:
                yield float(trained), seconds
            since = seconds = None
    if seconds:
        yield samples, seconds
