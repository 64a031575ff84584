"""One crystal in a cell, seen from a little above and aside."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workloads.language_models.grammar.crystals import Crystal, lattice_of, orbit, reduced
from workloads.language_models.grammar.elements import elements

ASIDE, ABOVE = np.deg2rad(28), np.deg2rad(14)
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Of Okabe and Ito, by element in the order of the sites."""
EDGE = 1e-3
"""Of a cell: so near to its edge an atom is drawn on the opposite one, too."""


def seen(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Places (n, 3), Å, from where one looks: to the right, upwards, and towards the eye."""
    aside = np.array([
        [np.cos(ASIDE), -np.sin(ASIDE), 0], [np.sin(ASIDE), np.cos(ASIDE), 0], [0, 0, 1],
    ])  # fmt: skip
    above = np.array([
        [1, 0, 0], [0, np.sin(ABOVE), np.cos(ABOVE)], [0, -np.cos(ABOVE), np.sin(ABOVE)],
    ])  # fmt: skip
    turned: NDArray[np.float64] = points @ (above @ aside).T
    return turned


def atoms_drawn(crystal: Crystal) -> list[tuple[str, NDArray[np.float64]]]:
    """Each element's atoms in the cell (n, 3), Å, those on its faces, edges and corners on all of these."""
    lattice = lattice_of(crystal.cell)
    found = []
    for site in crystal.sites:
        places = orbit(crystal.group, site.place, lattice)
        copies = (places[:, None] + np.array(list(itertools.product((-1, 0, 1), repeat=3)))).reshape(-1, 3)
        within = copies[((copies > -EDGE) & (copies < 1 + EDGE)).all(1)]
        found.append((site.element, within @ lattice.T))
    return found


def draw_crystal(axes: Any, crystal: Crystal) -> None:
    """Atoms with half their radius, the farthest first, the cell's edges, its formula and its group."""
    from matplotlib.collections import LineCollection, PatchCollection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Circle

    corners = np.array(list(itertools.product((0.0, 1.0), repeat=3)))
    ends = seen(corners @ lattice_of(crystal.cell).T)[:, :2]
    pairs = [(i, j) for i, j in itertools.combinations(range(8), 2) if abs(corners[i] - corners[j]).sum() == 1]
    axes.add_collection(LineCollection([ends[list(pair)] for pair in pairs], colors="#888888", linewidths=0.8))
    colours = dict(zip(dict.fromkeys(site.element for site in crystal.sites), itertools.cycle(COLOURS), strict=False))
    drawn = [(element, place) for element, places in atoms_drawn(crystal) for place in seen(places)]
    drawn.sort(key=lambda atom: atom[1][2])
    circles = [Circle((float(x), float(y)), elements()[element].radius / 2) for element, (x, y, _) in drawn]
    fills = [colours[element] for element, _ in drawn]
    axes.add_collection(PatchCollection(circles, facecolors=fills, edgecolors="white", linewidths=0.6, zorder=2))
    simplest = reduced(crystal.composition).items()
    formula = "".join(f"{symbol}{count if count > 1 else ''}" for symbol, count in simplest)
    marks = [Line2D([], [], color=colour, marker="o", linestyle="") for colour in colours.values()]
    axes.legend(marks, list(colours), loc="lower right", fontsize=8, frameon=False, borderpad=0)
    axes.set_title(f"{formula}   {crystal.group}   a = {crystal.cell[0]:.2f} Å", fontsize=9)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.margins(0.12)
