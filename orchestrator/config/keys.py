"""Every key of a configuration and its type: those of the schema, and those of the named benchmarks' own options."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from orchestrator.config import families
from orchestrator.config.words import alternatives, field_types, hint_below

COMPOSED_FROM = "defaults"
"""Hydra's own key of a primary configuration."""
GROUPS = ("benchmark", "dataset", "method", "recipe", "cluster", "scale", "schedule", "notify", "acceptance")
"""Groups of files; what is chosen in one is a file's name."""


def option_hints(benchmark: str, section: str) -> dict[str, Any]:
    """Return the types of a benchmark's own options by name, over all its data sets and methods; Any where they
    differ.
    """
    found: dict[str, Any] = {}
    for dataset in families.DATASETS.options(benchmark):
        for method in families.METHODS.options(benchmark):
            chosen = {"name": benchmark, "dataset_name": dataset, "method": method}
            options = families.option_classes(chosen).get(section)
            for name, hint in (get_type_hints(options) if options else {}).items():
                found[name] = hint if found.get(name, hint) == hint else Any
    return found


def hint_at(schema: type, key: str, benchmarks: Sequence[str] = ()) -> Any:
    """Return the type at a dotted key of the schema; Any if it is not known."""
    hint: Any = schema
    parts = key.split(".") if key else []
    for depth, part in enumerate(parts):
        if parts[:depth] == ["benchmark"] and part in ("model", "dataset"):
            hints = [option_hints(name, part) for name in benchmarks]
            names = {name for found in hints for name in found}
            hint = {name: agreed([found[name] for found in hints if name in found]) for name in names}
        else:
            hint = hint_below(hint, part)
    return hint


def agreed(hints: Sequence[Any]) -> Any:
    """Return the one type of all, or Any."""
    return hints[0] if all(hint == hints[0] for hint in hints) else Any


def is_free(schema: type, key: str) -> bool:
    """Whether a key stands in a mapping that takes any name, so that it can be added and taken away."""
    above, _, name = key.rpartition(".")
    hint = hint_at(schema, above) if above else schema
    return bool(name) and any(get_origin(kind) is dict for kind in alternatives(hint))


def schema_keys(schema: type) -> dict[str, Any]:
    """Return the types of all keys of a schema, dotted, those of groups included."""
    found: dict[str, Any] = {}
    for name, hint in field_types(schema).items():
        if name == COMPOSED_FROM:
            continue
        found[name] = hint
        if is_dataclass(hint):
            found |= {f"{name}.{key}": value for key, value in schema_keys(hint).items()}  # type: ignore[arg-type]
    return found


def known_keys(schema: type, benchmarks: Sequence[str] = ()) -> list[str]:
    """Return every key of the schema and of the named benchmarks' own options, dotted."""
    own = [
        f"benchmark.{section}.{name}"
        for benchmark in benchmarks
        for section in ("model", "dataset")
        for name in option_hints(benchmark, section)
    ]
    return [*schema_keys(schema), *own]


def unknown_keys(value: object, hint: Any, key: str = "") -> Iterator[str]:
    """Yield the dotted keys of a JSON value that the dataclasses of its type lack."""
    if isinstance(value, Mapping):
        known = next(
            (field_types(kind) for kind in alternatives(hint) if isinstance(kind, type) and is_dataclass(kind)), None
        )
        for name, below in value.items():
            whole = f"{key}.{name}" if key else str(name)
            if known is not None and name not in known:
                yield whole
            else:
                yield from unknown_keys(below, hint_below(hint, str(name)), whole)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from unknown_keys(item, hint_below(hint, str(number)), f"{key}.{number}")


def unknown_key(key: str, schema: type, benchmarks: Sequence[str] = ()) -> str:
    """Return the message for a key that neither the schema nor a named benchmark has."""
    if is_free(schema, key):
        return f"There is no configuration key '{key}' yet: write +{key}=VALUE to add it."
    close = difflib.get_close_matches(key, known_keys(schema, benchmarks), n=1, cutoff=0.5)
    return f"There is no configuration key '{key}'." + (f" Did you mean {close[0]}?" if close else "")


def is_text(hint: Any) -> bool:
    """Whether a key takes a text."""
    return str in alternatives(hint)


def is_list(hint: Any) -> bool:
    """Whether a key takes a list of texts."""
    return any(get_origin(kind) is list and is_text(get_args(kind)[0]) for kind in alternatives(hint))
