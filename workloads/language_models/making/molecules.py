"""Molecules that are put together of fragments, as SMILES strings of MOSES' characters."""

from __future__ import annotations

import random

MOST = 57
"""Characters of the longest molecule of MOSES."""
DEEPEST = 4
"""How often a fragment may hang on another."""
ENDS = (
    "C", "C", "C", "O", "N", "F", "Cl", "Br", "C#N", "OC", "C(N)=O", "C(=O)O", "C(C)C", "N(C)C", "C(F)(F)F",
    "S(C)(=O)=O",
)  # fmt: skip
LINKS = (
    "C{0}", "CC{0}", "CCC{0}", "O{0}", "N{0}", "S{0}", "CO{0}", "C(=O){0}", "C(=O)N{0}", "NC(=O){0}", "N(C){0}",
    "C(C){0}", "CN({1}){0}", "S(=O)(=O)N{0}", "NC(=O)N{0}", "C=C{0}", "C({1})({0})O",
)  # fmt: skip
RINGS = (
    "c%ccccc%{0}", "c%ccc({0})cc%", "c%cccc({0})c%", "c%ccc({0})c({1})c%", "c%ccncc%{0}", "c%cc({0})ccn%",
    "C%CCN({0})CC%", "N%CCN({0})CC%", "N%CCC({0})CC%", "N%CCOCC%", "C%CC%", "C%CCCC%{0}", "C%CCCCC%{0}",
    "c%nc({0})no%", "c%cnn({0})c%", "c%cc({0})[nH]n%", "c%ccc({0})o%", "c%ncnc({0})n%", "c%c[nH]c({0})n%",
)  # fmt: skip
KEPT_APART = ("c%ccc({0})s%", "c%nc({0})cs%", "C%CCOC%{0}", "N%CCSCC%", "c%cnc({0})nc%", "c%ccoc%{0}")
"""Rings of the molecules of "scaffolds" alone."""


def write_molecules(seed: int, name: str, count: int, rings: tuple[str, ...] = RINGS) -> list[str]:
    """So many different molecules, by seed and name."""
    drawing = random.Random(f"{seed} {name}")
    found: dict[str, None] = {}
    while len(found) < count:
        molecule = hang(drawing, rings, 0, True)
        if 8 <= len(molecule) <= MOST:
            found[molecule] = None
    return list(found)


def hang(drawing: random.Random, rings: tuple[str, ...], depth: int, ring_comes: bool = False) -> str:
    """A fragment whose first atom hangs on another by a single bond, with what hangs on it."""
    kind = drawing.random()
    if depth >= DEEPEST or (kind < 0.25 and not ring_comes):
        return drawing.choice(ENDS)
    template = drawing.choice(rings if kind > 0.6 else LINKS)
    others = [hang(drawing, rings, depth + 1, ring_comes and template in LINKS), hang(drawing, rings, depth + 2)]
    # A ring within another's brackets has another number.
    return template.replace("%", str(depth + 1)).format(*others)
