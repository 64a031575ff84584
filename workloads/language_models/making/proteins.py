"""Proteins of families: descendants of drawn ancestors, in which amino acids were replaced, lost and added."""

from __future__ import annotations

import random

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
SHARES = (8.3, 1.4, 5.5, 6.7, 3.9, 7.1, 2.3, 5.9, 5.8, 9.7, 2.4, 4.1, 4.7, 3.9, 5.5, 6.6, 5.3, 6.9, 1.1, 2.9)
"""Percent of each among known proteins (Swiss-Prot's statistics, rounded)."""
FAMILY = 40
"""Members of a family, on average."""
SHORTEST, LONGEST = 60, 120
"""Amino acids of an ancestor."""
REPLACED, LOST, ADDED = 0.15, 0.02, 0.02
"""What becomes of an amino acid of the ancestor."""


def write_proteins(seed: int, count: int) -> list[str]:
    """So many different proteins by the seed."""
    drawing = random.Random(f"{seed} proteins")
    ancestors = [
        "".join(drawing.choices(LETTERS, SHARES, k=drawing.randint(SHORTEST, LONGEST)))
        for _ in range(max(1, count // FAMILY))
    ]
    found: dict[str, None] = {}
    while len(found) < count:
        found["M" + descend(drawing, drawing.choice(ancestors))] = None
    return list(found)


def descend(drawing: random.Random, ancestor: str) -> str:
    """A descendant."""
    letters = []
    for letter in ancestor:
        fate = drawing.random()
        if fate < REPLACED:
            letters.append(drawing.choices(LETTERS, SHARES)[0])
        elif fate >= REPLACED + LOST:
            letters.append(letter)
        if drawing.random() < ADDED:
            letters.append(drawing.choices(LETTERS, SHARES)[0])
    return "".join(letters)
