"""The two lattices to be told apart: tetragonal and monoclinic Pb(Zr,Ti)O3 near its morphotropic phase boundary.

Both are written in the monoclinic setting of Noheda et al. (Appl. Phys. Lett. 74 (1999) 2059): am along the
pseudo-cubic [110], bm along [1-10], cm along [001], with beta between am and cm. A tetragonal lattice is then the
special case am = bm, beta = 90 degrees. Measured there for PbZr0.52Ti0.48O3: tetragonal a = 4.037, c = 4.138 Å;
monoclinic (20 K) am = 5.717, bm = 5.703, cm = 4.143 Å, beta = 90.53 degrees.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MONOCLINIC, TETRAGONAL = 0, 1
CLASSES = ("monoclinic", "tetragonal")
"""Class names at their labels, as published."""

EDGE = (4.037 * 4.037 * 4.138) ** (1 / 3)
"""Cube root of the volume of a pseudo-cubic cell, Å; the monoclinic cell has the same within 0.1 %."""
TETRAGONALITY = 1.0255
"""cm ÷ √(am bm / 2): 1.0250 in the tetragonal, 1.0261 in the monoclinic phase; the same for both classes here."""
SHEAR = 0.53
"""beta − 90° of the fully developed monoclinic phase, degrees."""
SPLITTING = 5.717 / 5.703 - 1
"""am ÷ bm − 1 of the fully developed monoclinic phase."""


@dataclass(frozen=True)
class Cell:
    """A pseudo-cubic lattice. ``variant`` counts quarter turns of the monoclinic am axis about [001]."""

    edge: float
    tetragonality: float
    shear: float = 0.0
    splitting: float = 0.0
    variant: int = 0

    @property
    def basis(self) -> NDArray[np.float64]:
        """Pseudo-cubic lattice vectors as rows (3, 3), Å: nearly along x, y and z."""
        c = self.edge * self.tetragonality ** (2 / 3)
        a = c / self.tetragonality
        am, bm = np.sqrt(2) * a * np.sqrt(1 + self.splitting), np.sqrt(2) * a / np.sqrt(1 + self.splitting)
        along, across = np.array([1, 1, 0]) / np.sqrt(2), np.array([1, -1, 0]) / np.sqrt(2)
        beta = np.radians(90 + self.shear)
        first, second = (am * along + bm * across) / 2, (am * along - bm * across) / 2
        third = c * (np.cos(beta) * along + np.sin(beta) * np.array([0, 0, 1]))
        # The distortion turns; the pseudo-cubic axes keep their names.
        for _ in range(self.variant):
            first, second, third = -quarter_turn(second), quarter_turn(first), quarter_turn(third)
        return np.stack([first, second, third])

    @property
    def reciprocal(self) -> NDArray[np.float64]:
        """Reciprocal lattice vectors as rows (3, 3), 1/Å, without the factor 2π."""
        return np.asarray(np.linalg.inv(self.basis).T)


def quarter_turn(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the vector after a quarter turn about z."""
    return np.array([-vector[1], vector[0], vector[2]])


def draw_cell(label: int, order: tuple[float, float], random: np.random.Generator) -> Cell:
    """Draw a lattice of the class; volume and tetragonality have the same distribution for both classes.

    A monoclinic lattice has an order parameter, drawn uniformly from ``order`` (1 is the fully developed phase at 20 K;
    it vanishes at the transition), and one of the four domain variants. The shear is proportional to the order
    parameter, the splitting to its square.
    """
    edge = EDGE * (1 + 0.001 * random.standard_normal())
    tetragonality = TETRAGONALITY + 0.002 * random.standard_normal()
    developed, variant = random.uniform(*order), int(random.integers(4))
    if label == TETRAGONAL:
        return Cell(edge, tetragonality)
    return Cell(edge, tetragonality, SHEAR * developed, SPLITTING * developed**2, variant)


def reflections(highest: int) -> NDArray[np.int64]:
    """Return all Miller indices except 000 whose absolute values are at most ``highest``, (n, 3)."""
    indices = np.array(list(itertools.product(range(-highest, highest + 1), repeat=3)))
    return indices[np.any(indices != 0, axis=1)]


def structure_factor(indices: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the scattering amplitude of the ideal perovskite for reflections (n, 3), in electrons at rest.

    Pb is at the corner, Zr0.52Ti0.48 in the centre, O on the faces. Both classes have the same, so intensities do not
    reveal the class.
    """
    sign = (-1.0) ** (indices % 2)
    h, k, l = sign.T  # noqa: E741
    return np.asarray(82 + (0.52 * 40 + 0.48 * 22) * h * k * l + 8 * (h * k + h * l + k * l))
