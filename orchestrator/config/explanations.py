"""What every key is, for people: its type, its default and the sentence under its field, read from the source."""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import get_type_hints

from orchestrator.config.defaults import default_of, has_value
from orchestrator.config.keys import COMPOSED_FROM


@dataclass(frozen=True)
class Explanation:
    """A key as its field has it: the type as written there, the default (None: it has to be given), the sentence."""

    key: str
    type: str
    default: str | None
    text: str


@cache
def field_texts(kind: type) -> dict[str, tuple[str, str]]:
    """Return the type and the sentence of each field of a dataclass, as its source has them; inherited ones too."""
    found: dict[str, tuple[str, str]] = {}
    for base in reversed(kind.__mro__):
        if is_dataclass(base):
            found.update(own_texts(base))
    return found


def own_texts(kind: type) -> dict[str, tuple[str, str]]:
    """Return those of the fields that stand in the dataclass itself."""
    tree = ast.parse(inspect.getsource(sys.modules[kind.__module__]))
    (body,) = (node.body for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    found = {}
    for field, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(field, ast.AnnAssign):
            continue
        text = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            text = " ".join(str(following.value.value).split())
        found[ast.unparse(field.target)] = (ast.unparse(field.annotation), text)
    return found


def explain_keys(schema: type, prefix: str = "") -> Iterator[Explanation]:
    """Yield every key of a dataclass of the schema, dotted, with what it is; those of nested dataclasses after it."""
    hints = get_type_hints(schema)
    for item in fields(schema):
        if item.name == COMPOSED_FROM:
            continue
        key, hint = prefix + item.name, hints[item.name]
        kind, text = field_texts(schema)[item.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield Explanation(key, "group", None, text)
            yield from explain_keys(hint, f"{key}.")
        else:
            yield Explanation(key, kind, default_text(default_of(item)), text)


def default_text(default: object) -> str | None:
    """Return a default as one writes it on the command line; None for a demand for a value."""
    if not has_value(default) and "${" not in str(default):
        return None
    if default is None or isinstance(default, bool):
        return {None: "null", True: "true", False: "false"}[default]
    return str(default)
