"""Cases of which a quick suite tries some, and a thorough one all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def some_quick(cases: Iterable[Any], *quick: Any) -> list[Any]:
    """Return the cases as parameters; those that are not ``quick`` are marked as thorough."""
    return [pytest.param(case, marks=[] if case in quick else [pytest.mark.thorough], id=str(case)) for case in cases]
