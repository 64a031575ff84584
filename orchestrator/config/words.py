"""A text stays as it was written: "1_000" is an account, and not the number 1000.

YAML and Hydra's grammar read a word without knowing its key, so that they take 1_000, 1e5, 010, yes and nan for numbers
and truth values. Both readers here keep such a word beside its value, and the key's type decides which of both holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from orchestrator.errors import UsageError


@dataclass(frozen=True)
class Word:
    """What was written, and the number or truth value that its reader takes it for."""

    text: str
    value: int | float | bool


def settle_value(tree: Any, hint: Any, key: str = "") -> Any:
    """Return the tree of mappings, lists, texts and words with each word as its key's type has it.

    ``hint`` is a type of the schema; Any where none is known, where a word is what its reader takes it for. Raises
    UsageError for a mapping that has a key twice.
    """
    if isinstance(tree, Mapping):
        return settle_mapping(tree, hint, key)
    if isinstance(tree, (list, tuple)):
        # A list of two numbers is a tuple in the schema.
        items = next((get_args(kind) for kind in alternatives(hint) if get_origin(kind) in (list, tuple)), (Any,))
        return [settle_value(item, items[0], f"{key}[{number}]") for number, item in enumerate(tree)]
    if not isinstance(tree, Word):
        return tree
    kinds = alternatives(hint)
    return tree.text if str in kinds and type(tree.value) not in kinds else tree.value


def settle_mapping(tree: Mapping[Any, Any], hint: Any, key: str) -> dict[str, Any]:
    """Return a mapping, whose keys are texts, with its values settled."""
    settled: dict[str, Any] = {}
    for word, value in tree.items():
        name = word.text if isinstance(word, Word) else str(word)
        whole = f"{key}.{name}" if key else name
        if name in settled:
            raise UsageError(f"{whole} is given twice; leave one of them out.")
        settled[name] = settle_value(value, hint_below(hint, name), whole)
    return settled


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Return the types that a value may have."""
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def hint_below(hint: Any, name: str) -> Any:
    """Return the type of a key within a mapping of type ``hint``; Any if it is not known."""
    for kind in alternatives(hint):
        if isinstance(kind, dict):
            return kind.get(name, Any)
        if isinstance(kind, type) and is_dataclass(kind):
            return field_types(kind).get(name, Any)
        if get_origin(kind) in (dict, Mapping):
            return get_args(kind)[1]
        if get_origin(kind) in (list, tuple) and name.isascii() and name.isdigit():
            return get_args(kind)[0]
    return Any


@cache
def field_types(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields by name. They are evaluated once: each costs as much as a whole word."""
    hints = get_type_hints(kind)
    return {item.name: hints[item.name] for item in fields(kind)}
