"""The elements of CrystaLLM's vocabulary, and the files of facts beside this one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Element:
    """Pauling's electronegativity, and radii in Å: of the atom, and means over ions, over cations, over anions.

    0 where none is known.
    """

    electronegativity: float
    radius: float
    ionic: float
    cationic: float
    anionic: float


def data_lines(name: str) -> list[list[str]]:
    """The words of each line of a file of facts beside this one."""
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    return [line.split() for line in text.splitlines() if not line.startswith("#")]


@functools.cache
def elements() -> Mapping[str, Element]:
    """Those of CrystaLLM's vocabulary, in its order."""
    return {symbol: Element(*map(float, values)) for symbol, *values in data_lines("elements.txt")}
