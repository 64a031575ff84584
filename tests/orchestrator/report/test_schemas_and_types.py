"""The published schemas and the types that the program is checked with say the same of every key."""

from __future__ import annotations

import json
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest

from orchestrator.acceptance import verdict
from orchestrator.acceptance.entries import VerdictDocument
from orchestrator.records.typed import get_type_hints, is_typeddict
from orchestrator.report import comparisons, document
from orchestrator.report.entries.comparison import ComparisonDocument, HistoryDocument
from orchestrator.report.entries.document import ReportDocument

JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
DOCUMENTS = [
    (VerdictDocument, verdict.SCHEMA_FILE),
    (ReportDocument, document.SCHEMA_FILE),
    (ComparisonDocument, comparisons.SCHEMA_FILE),
    (HistoryDocument, comparisons.SCHEMA_FILE),
]


def kinds_of_type(hint: Any) -> set[str]:
    """JSON's names for what a value of the type may be."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return {name for part in get_args(hint) for name in kinds_of_type(part)}
    if origin is Literal:
        return {JSON_NAMES[type(value)] for value in get_args(hint)}
    if is_typeddict(hint) or origin is dict:
        return {"object"}
    return {"array"} if origin is list else {JSON_NAMES[hint]}


def kinds_of_schema(node: dict[str, Any]) -> set[str]:
    """JSON's names for what a value may be by its schema."""
    if "anyOf" in node:
        return {name for part in node["anyOf"] for name in kinds_of_schema(part)}
    if "const" in node or "enum" in node:
        return {JSON_NAMES[type(value)] for value in node.get("enum", [node.get("const")])}
    kind = node.get("type", "anything")
    return {kind} if isinstance(kind, str) else set(kind)


def of_values(node: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The schemas of an object's values: under each key that it names, and under any other."""
    further = node.get("additionalProperties")
    return node.get("properties", {}) | ({"*": further} if isinstance(further, dict) else {}) or {"*": {}}


def differences(hint: Any, node: dict[str, Any], whole: dict[str, Any], key: str) -> list[str]:
    """In what a type and a part of a schema differ, with the full name of the key."""
    if "$ref" in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    kinds, named = kinds_of_type(hint), kinds_of_schema(node)
    # A mean or a spread of the schema may be null; where one of the program's never is, its type says so.
    found = [] if kinds in (named, named - {"null"}) else [f"{key}: {sorted(kinds)} by type, {sorted(named)} by schema"]
    for part in get_args(hint) if get_origin(hint) in (Union, UnionType) else [hint]:
        if is_typeddict(part):
            found += differing_keys(part, node, whole, key)
        elif get_origin(part) is list:
            found += differences(get_args(part)[0], node.get("items", {}), whole, f"{key}[]")
        elif get_origin(part) is dict and get_args(part)[1] is not object:
            for name, values in of_values(node).items():
                found += differences(get_args(part)[1], values, whole, f"{key}.{name}")
    return found


def differing_keys(kind: Any, node: dict[str, Any], whole: dict[str, Any], key: str) -> list[str]:
    """In what the keys of an object differ."""
    hints, properties = get_type_hints(kind), node.get("properties", {})
    found = [f"{key}.{name} is not in the schema" for name in sorted(set(hints) - set(properties))]
    found += [f"{key}.{name} is not in the type" for name in sorted(set(node.get("required", [])) - set(hints))]
    for name in set(hints) & set(properties):
        found += differences(hints[name], properties[name], whole, f"{key}.{name}")
    return found


@pytest.mark.parametrize(("kind", "file"), DOCUMENTS)
def test_every_key_of_a_type_is_in_the_schema_and_of_the_same_kind(kind: Any, file: Path) -> None:
    schema = json.loads(file.read_text())
    assert differing_keys(kind, schema, schema, kind.__name__) == []


def test_every_key_of_the_reports_schema_is_in_a_type() -> None:
    schema = json.loads(document.SCHEMA_FILE.read_text())
    assert missing_keys(ReportDocument, schema, schema, "") == []


def missing_keys(hint: Any, node: dict[str, Any], whole: dict[str, Any], key: str) -> list[str]:
    """Keys that the schema describes and no type has."""
    if "$ref" in node:
        node = whole["$defs"][node["$ref"].rpartition("/")[2]]
    found = []
    for part in get_args(hint) if get_origin(hint) in (Union, UnionType) else [hint]:
        if get_origin(part) is list:
            found += missing_keys(get_args(part)[0], node.get("items", {}), whole, f"{key}[]")
        elif is_typeddict(part):
            hints = get_type_hints(part)
            for name, value in node.get("properties", {}).items():
                if name in hints:
                    found += missing_keys(hints[name], value, whole, f"{key}.{name}")
                else:
                    found.append(f"{key}.{name}")
    return found
