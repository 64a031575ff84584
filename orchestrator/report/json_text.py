"""Documents as JSON, which has no number that is none."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def json_text(document: Mapping[str, object], ascii_only: bool = False) -> str:
    """Return a document as JSON, in which a number that is none (NaN, an infinity) is null.

    Where there is any, ``not_numbers`` says which, by their places, and what they were.
    """
    try:
        return dump_text(document, ascii_only)
    except (ValueError, TypeError):
        # The walk through a document takes as long as its text does, and few have such a number.
        found: dict[str, str] = {}
        whole = without_non_numbers(document, "", found)
        if found:
            whole["not_numbers"] = found
        return dump_text(whole, ascii_only)


def dump_text(document: Mapping[str, object], ascii_only: bool) -> str:
    """Return the JSON of a document. Raises ValueError for a number that is none, TypeError for what JSON has not."""
    return json.dumps(document, indent=1, ensure_ascii=ascii_only, allow_nan=False)


def without_non_numbers(node: Any, place: str, found: dict[str, str]) -> Any:
    """Return a part of a document with null for what is no number; ``found`` gets the place and kind of each."""
    if isinstance(node, Mapping):
        return {
            key: without_non_numbers(value, f"{place}.{key}" if place else str(key), found)
            for key, value in node.items()
        }
    if isinstance(node, (list, tuple)):
        return [without_non_numbers(value, f"{place}[{number}]", found) for number, value in enumerate(node)]
    if isinstance(node, float) and not math.isfinite(node):
        found[place] = "not a number" if math.isnan(node) else "infinite"
        return None
    return node
