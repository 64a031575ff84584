"""Whether a row is one that this program would have written.

Nothing else enters a store. What is in one all the same, which somebody else or a crash may have written, is told apart
on its way out: of a campaign it becomes a failed run with its cause, and a history goes without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin

import numpy as np

from orchestrator.records import CollectedResult, RecordError, check_record
from orchestrator.records.checking import check_value, keys_of
from orchestrator.records.files import parse_json
from orchestrator.records.typed import TypedDict
from orchestrator.store.entries import EvaluationRow, PhaseRow, RunRow, StoredManifest
from orchestrator.store.rows import RunRecord
from orchestrator.telemetry.steps import StepDistribution


class Evaluations(TypedDict):
    """What is stored of a run beside its own columns and its ranks."""

    evaluations: list[EvaluationRow]
    phases: list[PhaseRow]


DOCUMENTS: Mapping[str, type] = {
    "manifest": StoredManifest,
    "result": CollectedResult,
    "step_times": StepDistribution,
}
"""Columns of a run that hold JSON, and of what type: versions and imports differ in which keys there are."""
NEEDED = ("campaign", "run", "benchmark", "cluster", "comm", "mode", "recipe", "scale", "nodes", "ranks", "repeat",
          "seed", "state", "attempts", "created", "config_hash", "directory", "manifest")  # fmt: skip
"""Columns without which there is no run."""
WITHIN: Mapping[str, Sequence[str]] = {"manifest": ("config",)}
"""Keys without which a document is none, by its column."""
NEUTRAL: Mapping[type, object] = {int: 1, float: 0.0, bool: False}


def trouble_of(record: RunRecord) -> str:
    """Return what is wrong with a record; "" if nothing is."""
    try:
        refuse_other(record)
    except (RecordError, ValueError, TypeError, KeyError, OverflowError) as error:
        return str(error)
    return ""


def refuse_other(record: RunRecord) -> None:
    """Raise an error of ``trouble_of`` for a record that this program would not have written."""
    run = record.run
    for name in NEEDED:
        if run.get(name) is None:
            raise RecordError(f"{name} is missing")
    check_value(run, RunRow, "")
    for name in DOCUMENTS:
        if (text := cast("str | None", run.get(name))) is not None:
            refuse_document(text, name)
    check_value({"evaluations": record.evaluations, "phases": record.phases}, Evaluations, "")
    table = record.table
    if len(table) not in (0, run["ranks"]):
        raise RecordError(f"it has {len(table)} ranks, not {run['ranks']}")
    for name, values in table.measures.items():
        # What was not measured is NaN.
        if np.isinf(values).any() or (values < 0).any():
            raise RecordError(f"ranks.{name} holds what is no measurement")


def refuse_document(text: str, name: str) -> None:
    """Raise RecordError for a text that is not the document of a column."""
    document = as_written_now(parse_json(text, name))
    check_record(document, DOCUMENTS[name], name, whole=False)
    for key in WITHIN.get(name, ()):
        if key not in document:
            raise RecordError(f"{name}: {key} is missing")


def as_written_now(document: dict[str, Any]) -> dict[str, Any]:
    """Return a stored document as this version writes it: earlier ones wrote of imported logs one node count."""
    config = document.get("config")
    if isinstance(config, dict) and isinstance(config.get("nodes"), int):
        return {**document, "config": {**config, "nodes": [config["nodes"]]}}
    return document


def as_failed(record: RunRecord, why: str) -> RunRecord:
    """Return a record as that of a failed run with the cause ``why``, which holds nothing else than its names and what
    of its columns is right.
    """
    hints = keys_of(RunRow)[0]
    run: dict[str, Any] = {}
    for name, value in record.run.items():
        measured = NoneType in get_args(hints[name]) and name not in ("dataset_name", "git_commit")
        run[name] = None if measured else value if fits(value, hints[name]) else neutral(value, hints[name])
    planned = record.run.get("manifest")
    if not isinstance(planned, str) or not is_document(planned, "manifest"):
        planned = json.dumps({"config": {"benchmark": {"name": run["benchmark"]}, "nodes": [run["nodes"]]}})
    return RunRecord(cast(RunRow, {**run, "state": "failed", "cause": why, "manifest": planned, "result": None}))


def is_document(text: str, name: str) -> bool:
    """Whether a text is the document of a column."""
    try:
        refuse_document(text, name)
    except RecordError:
        return False
    return True


def neutral(value: object, hint: Any) -> object:
    """Return a value of a type in place of one that is not."""
    kind = plain_kind(hint)
    return ascii(value)[:60] if kind is str else NEUTRAL.get(kind)


def fits(value: object, hint: Any) -> bool:
    """Whether a value is of a type."""
    try:
        check_value(value, hint, "")
    except ValueError:
        return False
    return True


@cache
def plain_kind(hint: Any) -> type:
    """Return what Python calls a type's values: str, int, float or bool."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return plain_kind(next(one for one in arguments if one is not NoneType))
    if isinstance(hint, type):
        return hint
    first = arguments[0]
    return type(first) if isinstance(first, str) else plain_kind(first)


def right_rows(rows: Sequence[tuple[Any, ...]], columns: Sequence[str], kind: type) -> list[tuple[Any, ...]]:
    """Return the rows whose values are of the types that ``kind`` has for their columns, in order."""
    hints = keys_of(kind)[0]
    chosen = [(place, hints[name]) for place, name in enumerate(columns) if name in hints]
    suspect = [(place, hint) for place, hint in chosen if not all_fit(rows, place, hint)]
    if not suspect:
        return list(rows)
    return [row for row in rows if all(fits(row[place], hint) for place, hint in suspect)]


def all_fit(rows: Iterable[tuple[Any, ...]], place: int, hint: Any) -> bool:
    """Whether all values of a column are of a type, told without looking at each for long: runs share most values."""
    values = {row[place] for row in rows}
    return (
        all(type(value) is str for value in values) if hint is str else all(fits(one, hint) for one in ends_of(values))
    )


def ends_of(values: set[Any]) -> Iterable[Any]:
    """Return the values that decide for all of them: of numbers of one kind the least and the greatest."""
    by_kind: dict[type, list[Any]] = {}
    for value in values:
        by_kind.setdefault(type(value), []).append(value)
    for kind, members in by_kind.items():
        if kind in (int, float) and all(value == value for value in members):
            yield from (min(members), max(members))
        else:
            yield from members
