"""The functions of scipy.special, imported when the first is asked for: it takes 0.2 s, and most commands need none."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """The function of that name."""
    from scipy import special

    found = getattr(special, name)
    # Kept, since Python asks here only for what the module lacks.
    globals()[name] = found
    return found
