"""JSON Schemas of the files that a site writes, made of the schema's dataclasses, for editors that complete and check.

A YAML file whose first line is ``# yaml-language-server: $schema=profile.schema.json`` is checked as it is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from orchestrator.config.defaults import default_of, has_value
from orchestrator.config.explanations import field_texts
from orchestrator.config.keys import COMPOSED_FROM
from orchestrator.config.words import alternatives

DIALECT = "https://json-schema.org/draft/2020-12/schema"
INTERPOLATION = {"type": "string", "pattern": r"\$\{"}
"""A value that is taken from elsewhere: "${oc.env:USER}"."""
SCALARS = {bool: "boolean", int: "integer", float: "number", NoneType: "null"}
HYDRAS = {"description": "Hydra's own: what the file is composed from", "type": "array"}


def file_schema(kind: type, title: str) -> dict[str, Any]:
    """Return the schema of a YAML file that fills the dataclass ``kind``. Nothing in it is required: what a file leaves
    out has its default, or is given elsewhere.
    """
    schema = object_schema(kind)
    schema["properties"] = {COMPOSED_FROM: HYDRAS, **schema["properties"]}
    return {"$schema": DIALECT, "title": title, **schema}


def object_schema(kind: type) -> dict[str, Any]:
    """Return the schema of a mapping with the keys of a dataclass, and no others."""
    texts, hints = field_texts(kind), get_type_hints(kind)
    properties = {}
    for item in fields(kind):
        if item.name == COMPOSED_FROM:
            continue
        found = {"description": texts[item.name][1], **value_schema(hints[item.name])}
        default = default_of(item)
        if has_value(default) and not is_dataclass(default):
            found["default"] = default
        properties[item.name] = found
    return {"type": "object", "properties": properties, "additionalProperties": False}


def value_schema(hint: Any) -> dict[str, Any]:
    """Return the schema of a key's value. A text may be written as a number or a truth value: it stays as written."""
    kinds = [kind_schema(kind) for kind in alternatives(hint)]
    if {} in kinds:
        return {}
    if any(kind.get("type") in ("boolean", "integer", "number") for kind in kinds):
        kinds.append(INTERPOLATION)
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}


def kind_schema(kind: Any) -> dict[str, Any]:
    """Return the schema of one type; {} for any value."""
    if kind in SCALARS:
        return {"type": SCALARS[kind]}
    if kind is str:
        return {"type": ["string", "number", "boolean"]}
    if is_dataclass(kind):
        return object_schema(kind)  # type: ignore[arg-type]
    if get_origin(kind) in (list, tuple):
        return {"type": "array", "items": value_schema(get_args(kind)[0])}
    if get_origin(kind) in (dict, Mapping):
        return {"type": "object", "additionalProperties": value_schema(get_args(kind)[1])}
    return {}
