"""What a configuration that an earlier version wrote lacks: keys that came since have their defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

MISSING: Any = "???"
"""What has to be given, as OmegaConf writes it; to read old configurations needs no OmegaConf."""


def completed(given: Mapping[str, Any], schema: type) -> dict[str, Any]:
    """Return the configuration with the schema's defaults for keys that are missing, at every level.

    Keys without a value of their own in the schema (one has to be given, or is another key's) stay missing.
    """
    found, hints = dict(given), hints_of(schema)
    for item in fields(schema):
        hint = hints[item.name]
        if is_dataclass(hint):
            within = given.get(item.name)
            found[item.name] = completed(within if isinstance(within, Mapping) else {}, hint)  # type: ignore[arg-type]
        elif item.name not in found and has_value(default_of(item)):
            found[item.name] = default_of(item)
    return found


@cache
def hints_of(schema: type) -> dict[str, Any]:
    """Return the types of a schema's fields."""
    return get_type_hints(schema)


def default_of(item: Field[Any]) -> Any:
    """Return a field's default; NO_DEFAULT if it has none."""
    return item.default_factory() if item.default_factory is not NO_DEFAULT else item.default


def has_value(default: Any) -> bool:
    """Whether a default is a value, rather than a demand for one or a reference to another key."""
    return default is not NO_DEFAULT and default != MISSING and "${" not in str(default)
