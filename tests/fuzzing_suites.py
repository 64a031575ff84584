"""Hostile values for every key of an acceptance suite and of a file of references, walked from their types."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints
from xml.etree import ElementTree

import pytest
import yaml
from hostile import Count, assert_as_typed, yaml_text
from omegaconf.errors import OmegaConfBaseException

from orchestrator.acceptance import suite as suites
from orchestrator.acceptance.junit import render_junit
from orchestrator.acceptance.page import write_page
from orchestrator.acceptance.record import Record, Session
from orchestrator.acceptance.references import Entry
from orchestrator.acceptance.schema import AcceptConfig
from orchestrator.acceptance.verdict import verdict_document
from orchestrator.config.compose import compose_all
from orchestrator.config.overrides import quote_text
from orchestrator.config.safety import texts
from orchestrator.config.words import alternatives
from orchestrator.errors import UsageError
from orchestrator.records import write_json
from orchestrator.records.control import CONTROL
from orchestrator.records.settings import Configuration

SUITE_ROUTES = ("suite file", "suite file, quoted", "accept", "accept, quoted")
"""A value stands in a site's suite, or in a word of the command line; that of a reference always in a file."""
PLACE = "PLACEOFTHEVALUE"

BOUND = {"value": 1.0, "lower": -0.1, "upper": 0.1, "unit": "samples/s", "basis": "b"}
SUITE: dict[str, Any] = {
    "summary": "s",
    "clusters": [],
    "workloads": {"NAME": {"benchmark": "stemdl", "recipe": "small", "overrides": ["benchmark.training.epochs=1"]}},
    "phases": [
        {
            "name": "p",
            "checks": [
                {"check": "reference", "workload": "NAME", "quantity": "throughput", "bound": BOUND,
                 "bound_on": {"NAME": BOUND}, "first": 2, "limit": 3},
            ],
        },
    ],
}  # fmt: skip
REFERENCE: dict[str, Any] = {
    "benchmark": "stemdl", "recipe": "small", "mode": "training", "comm": "mpi", "nodes": 1, "quantity": "throughput",
    "value": 1.0, "lower": -0.1, "unit": "samples/s", "basis": "b",
}  # fmt: skip


def leaves_of(hint: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the keys that hold values, one item of each list and mapping of groups, and the names of these mappings."""
    for kind in alternatives(hint):
        items = get_args(kind)
        if is_dataclass(kind):
            hints = get_type_hints(kind)
            for item in fields(kind):
                if item.name != "defaults":
                    yield from leaves_of(hints[item.name], f"{key}.{item.name}".lstrip("."))
            return
        if get_origin(kind) is dict and is_dataclass(items[1]):
            yield f"{key}.*", str
            yield from leaves_of(items[1], f"{key}.NAME")
            return
        if get_origin(kind) is list and is_dataclass(items[0]):
            yield from leaves_of(items[0], f"{key}.0")
            return
    yield key, hint


SUITE_LEAVES = dict(leaves_of(AcceptConfig, "")) | dict(leaves_of(dict[str, Entry], "references"))


def placed(tree: Any, parts: list[str], value: Any) -> Any:
    """Return the tree with another value at a path; with "*" as its end, with the value as the name NAME."""
    if not parts:
        return value
    first, rest = parts[0], parts[1:]
    if first == "*":
        return {value: tree["NAME"]}
    if isinstance(tree, list):
        return [placed(item, rest, value) if str(number) == first else item for number, item in enumerate(tree)]
    return {**(tree or {}), first: placed((tree or {}).get(first), rest, value)}


def file_text(tree: Any, parts: list[str], scalar: str) -> str:
    """Return YAML with a scalar, as it is, at a path."""
    return yaml.safe_dump(placed(tree, parts, PLACE), sort_keys=False, width=10**6).replace(PLACE, scalar)


def words_of(key: str, word: str, route: str, folder: Path) -> list[str]:
    """Return the words of an ``accept`` command that is given the value, and write the files that it reads."""
    scalar = yaml_text(word) if route.endswith("quoted") else word
    parts = key.split(".")
    suite, references = SUITE, {"cluster": "local", "references": {"NAME": REFERENCE}}
    words = ["suite=own", "cluster=local"]
    texts_of = {"suite": yaml.safe_dump(suite), "references": yaml.safe_dump(references)}
    if parts[0] == "references" and len(parts) > 1:
        texts_of["references"] = file_text(references, parts, scalar)
    elif parts[0] == "suite" and route.startswith("suite file"):
        texts_of["suite"] = file_text(suite, parts[1:], scalar)
    else:
        words.append(f"++{key}={quote_text(word) if route.endswith('quoted') else word}")
    files = {"suite": folder / "acceptance" / "own.yaml", "references": folder / "references.yaml"}
    for name, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts_of[name], encoding="utf-8", errors="surrogateescape")
    return [*words, *([] if key == "references" else [f"references={files['references']}"])]


@cache
def composed(words: Sequence[str]) -> list[Configuration]:
    """Return the configurations of a run's words, composed as ever."""
    return compose_all(words, False, None)


def composed_once(words: Sequence[str], multirun: bool, config_dir: str | None) -> list[Configuration]:
    """Return what ``compose_all`` returned for these words before: most values of a suite change no run's."""
    return deepcopy(composed(tuple(words)))


def try_suite(key: str, word: str, route: str, folder: Path, count: Count) -> None:
    """Try one input; raises AssertionError where a promise is broken, and whatever else the program raises."""
    route = "references file" + ", quoted" * route.endswith("quoted") if key.startswith("references.") else route
    count.routes[route] += 1
    count.keys[key] += 1
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(suites, "compose_all", composed_once)
            suite = suites.resolve_suite(words_of(key, word, route, folder), str(folder))
    except (UsageError, OmegaConfBaseException) as error:
        assert "Traceback" not in str(error)
        count.outcomes["refused"] += 1
        return
    count.outcomes["planned as typed"] += 1
    held: Any = {"suite": suite.settings, "references": {n: vars(e) for n, e in suite.references.items()}}
    for name, text in texts(held):
        assert not CONTROL.search(text), f"{name} holds {text!r}"
    found, parts = held, key.split(".")
    for part in parts if len(parts) > 1 and "*" not in parts else []:
        found = found[int(part)] if isinstance(found, list) else (found or {}).get(part)
    if found is not held and "\n" not in word and ": " not in word and " #" not in word:
        assert_as_typed(SUITE_LEAVES[key], key, word, route, found)
    record = Record(folder / "record")
    shutil.rmtree(record.path, ignore_errors=True)
    record.path.mkdir()
    record.write_suite(suite, suite.checks)
    record.write_session(Session(started=0.0, ran=[phase["name"] for phase in suite.phases], ended=1.0))
    write_json(record.path / "inventory.json", {})
    assert record.checks() == suite.checks
    document = verdict_document(record)
    ElementTree.fromstring(render_junit(document))
    write_page(record, document)
    assert {path.name for path in folder.iterdir()} == {"acceptance", "references.yaml", "record"}, "written outside"
