"""Electron diffraction by a crystal: which reflections a zone axis shows and how strong they are.

Units: Å for lengths, 1/Å for reciprocal lengths without 2π (g = 1/d), radians for tilts, eV for the beam
energy.

The strong reflections of the zero-order Laue zone are treated as coupled beams (multi-beam dynamical
diffraction), everything else (weak ones, and the first-order zones on both sides) as independent two-beam
cases. Left out: absorption, thermal diffuse scattering and noise.

Sources of the formulas: [DG] M. De Graef, Introduction to Conventional Transmission Electron Microscopy
(2003); [WC] D. Williams & C. Carter, Transmission Electron Microscopy (2009); [K] E. Kirkland, Advanced
Computing in Electron Microscopy (2010); [IT] International Tables for Crystallography, volumes A and C.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from workloads.stemdl.crystals import Crystal

Real = NDArray[np.float64]
Index = NDArray[np.int64]

ELECTRON_REST_ENERGY = 510_998.95
"""m c² in eV."""
FAINTEST = float(np.exp(-17.0))
"""Part of the incident intensity below which reflections are left out: pre-processing clips there."""


@dataclass(frozen=True)
class Microscope:
    """Beam and detector. ``reach`` is the reciprocal distance from the centre of the detector to its edge."""

    energy: float = 200_000.0
    convergence: float = 0.08
    """Radius of a disc, 1/Å (2.0 mrad at 200 kV)."""
    reach: float = 1.28
    debye_waller: float = 0.5
    """B factor of every atom, Å²."""
    coupled_beams: int = 48
    slice_thickness: float = 10.0


def wavelength(energy: float) -> float:
    """Relativistic electron wavelength in Å: 12.2643 / sqrt(E + 0.97845e-6 E²), E in eV [WC 1.6]."""
    return float(12.2643 / np.sqrt(energy + 0.97845e-6 * energy**2))


@functools.cache
def _gaussians(element: str) -> tuple[Real, Real]:
    coefficients = gemmi.Element(element).c4322
    return np.array(coefficients.a), np.array(coefficients.b)


def structure_factors(crystal: Crystal, indices: Index, debye_waller: float) -> NDArray[np.complex128]:
    """Electron structure factors F (n,) in Å of reflections hkl (n, 3), Debye-Waller factor included.

    F = sum over atoms of f(s) exp(-B s²) exp(2πi h·r) with s = g/2; f from the five-Gaussian fit of
    [IT C, table 4.3.2.2], rest-mass scattering amplitudes.
    """
    squared = np.sum((indices @ np.linalg.inv(crystal.lattice).T) ** 2, axis=1) / 4
    total = np.zeros(len(indices), dtype=np.complex128)
    for element in dict.fromkeys(crystal.species):
        a, b = _gaussians(element)
        amplitude = np.exp(-squared[:, None] * b) @ a * np.exp(-debye_waller * squared)
        atoms = crystal.positions[[name == element for name in crystal.species]]
        total += amplitude * np.exp(2j * np.pi * (indices @ atoms.T)).sum(axis=1)
    return np.asarray(total)


def couplings(crystal: Crystal, indices: Index, microscope: Microscope) -> NDArray[np.complex128]:
    """Return 1/ξ (n,) in 1/Å for reflections hkl (n, 3): the strength of the coupling between two beams.

    1/ξ = λ U with U = γ F / (π Ω), γ the relativistic mass ratio and Ω the cell volume [DG 5.20, WC 13.4].
    """
    gamma = 1 + microscope.energy / ELECTRON_REST_ENERGY
    factor = wavelength(microscope.energy) * gamma / (np.pi * abs(np.linalg.det(crystal.lattice)))
    return np.asarray(factor * structure_factors(crystal, indices, microscope.debye_waller))


@dataclass(frozen=True)
class Reflections:
    """Reflections of a zone: hkl (n, 3), place on the detector (n, 2) and height above it (n,) in 1/Å."""

    indices: Index
    place: Real
    height: Real
    layer: Index


def reflections(crystal: Crystal, zone: Sequence[int], reach: float, turn: float = 0.0) -> Reflections:
    """All reciprocal-lattice points of Laue zones -1, 0 and 1 that fall on a detector, the origin first.

    The detector is a square reaching ``reach`` to every side. Its x axis lies along the first of a*, b*, c*,
    a*-b*, a*+b* that is in the zone, and is turned away from there by ``turn`` radians.
    """
    lattice = crystal.lattice
    reciprocal = np.linalg.inv(lattice).T
    axis = np.asarray(zone) @ lattice
    down = axis / np.linalg.norm(axis)
    candidates = np.array([(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, -1, 0), (1, 1, 0)])
    right = candidates[np.flatnonzero(candidates @ np.asarray(zone) == 0)[0]] @ reciprocal
    right /= np.linalg.norm(right)
    up = np.cross(down, right)
    x = np.cos(turn) * right + np.sin(turn) * up
    frame = np.stack([x, np.cross(down, x), down], axis=1)

    # |h| = |g·a| <= |g| |a| bounds the box; a layer stands off by less than 1/Å for any cell of more than an
    # ångström.
    furthest = np.hypot(np.sqrt(2) * reach, 1 / np.linalg.norm(axis))
    bounds = np.floor(furthest * np.linalg.norm(lattice, axis=1)).astype(int)
    grid = np.indices(2 * bounds + 1).reshape(3, -1).T - bounds
    layer = grid @ np.asarray(zone)
    grid, layer = grid[np.abs(layer) <= 1], layer[np.abs(layer) <= 1]
    places = grid @ reciprocal @ frame
    inside = np.flatnonzero(np.max(np.abs(places[:, :2]), axis=1) <= reach)
    order = inside[np.argsort(np.any(grid[inside] != 0, axis=1), kind="stable")]
    return Reflections(grid[order], places[order, :2], places[order, 2], layer[order])


def excitation_errors(place: Real, height: Real, incident: Real, energy: float) -> Real:
    """s (n, m) in 1/Å for reflections (n, 2) + (n,) and transverse incident wave vectors (m, 2).

    s = (k² - |k + g|²) / 2k = -(2 k·g + g²) / 2k, the beam running along -z [DG 2.85].
    """
    k = 1 / wavelength(energy)
    along = np.sqrt(k**2 - np.sum(incident**2, axis=1))
    product = 2 * place @ incident.T - 2 * height[:, None] * along
    return np.asarray(-(product + (np.sum(place**2, axis=1) + height**2)[:, None]) / (2 * k))


def two_beam(coupling: Real, excitation: Real, thickness: float) -> Real:
    """Intensity of one diffracted beam relative to the incident one (Howie & Whelan 1961; [WC 13.19]).

    I = sin²(π t s_eff) / (ξ s_eff)² with s_eff = sqrt(s² + 1/ξ²). Integrated over s it is Blackman's curve.
    """
    squared = coupling**2
    effective = np.maximum(np.sqrt(excitation**2 + squared), 1e-12)
    return np.asarray(squared * (np.sin(np.pi * thickness * effective) / effective) ** 2)


def many_beam(matrix: NDArray[np.complex128], excitation: Real, thickness: float, step: float) -> Real:
    """Return the intensities (n, m) of n coupled beams behind the crystal, for m incident directions; beam 0 is the
    incident one.

    It integrates the Howie-Whelan equations dφ_g/dz = 2πi s_g φ_g + iπ Σ_h (1/ξ_{g-h}) φ_h [DG 5.27] slice by slice,
    with the symmetric split operator of multislice calculations [K 6.4]. ``matrix`` (n, n) holds 1/ξ_{g-h} without its
    diagonal. Every slice is unitary: the intensities of a direction sum to one.
    """
    slices = max(1, round(thickness / step))
    depth = thickness / slices
    values, vectors = np.linalg.eigh(matrix)
    scatter = ((vectors * np.exp(1j * np.pi * depth * values)) @ vectors.conj().T).astype(np.complex64)
    drift = np.exp(2j * np.pi * depth * excitation).astype(np.complex64)
    waves = np.zeros(excitation.shape, dtype=np.complex64)
    waves[0] = 1
    for number in range(slices):
        # Half a drift before and after each slice; between slices the halves join. The last half has no
        # effect on the intensities and the first none on the incident beam, whose s is zero.
        if number:
            waves *= drift
        waves = scatter @ waves
    return np.asarray(waves.real**2 + waves.imag**2, dtype=np.float64)


def intensities(
    crystal: Crystal, found: Reflections, incident: Real, thickness: float, microscope: Microscope
) -> tuple[Real, NDArray[np.intp]]:
    """Return the intensities (n, m) behind the crystal, and the indices (n,) of their reflections in ``found``.

    ``incident`` (m, 2) are transverse wave vectors in 1/Å. Reflections too faint to be seen are left out.
    """
    coupling = np.abs(couplings(crystal, found.indices, microscope))
    coupling[0] = 0.0
    upright = excitation_errors(found.place, found.height, np.zeros((1, 2)), microscope.energy)[:, 0]
    coupled = _strongest(coupling, upright, found.layer, microscope.coupled_beams)

    sway = np.linalg.norm(found.place, axis=1) * np.linalg.norm(incident, axis=1).max() * wavelength(microscope.energy)
    nearest = np.maximum(np.abs(upright) - sway, 0)
    visible = coupling**2 > FAINTEST * (coupling**2 + nearest**2)
    visible[coupled] = False
    alone = np.flatnonzero(visible)

    shown = np.concatenate([coupled, alone])
    excitation = excitation_errors(found.place[shown], found.height[shown], incident, microscope.energy)
    matrix = _coupling_matrix(crystal, found.indices[coupled], microscope)
    together = many_beam(matrix, excitation[: len(coupled)], thickness, microscope.slice_thickness)
    apart = two_beam(coupling[alone, None], excitation[len(coupled) :], thickness)
    return np.concatenate([together, apart]), shown


def _strongest(coupling: Real, excitation: Real, layer: Index, count: int) -> NDArray[np.intp]:
    """Return the origin and at most ``count`` - 1 reflections of the zero layer, those with the largest two-beam
    maximum.

    Symmetry-related reflections are taken together or not at all, so that the choice breaks no symmetry.
    """
    maximum = np.where(layer == 0, coupling**2 / (coupling**2 + excitation**2 + 1e-30), 0.0)
    maximum[0] = np.inf
    order = np.argsort(-maximum, kind="stable")[: count + 1]
    limit = maximum[order[-1]] * (1 + 1e-6) if len(order) > count else FAINTEST
    return order[maximum[order] > max(limit, FAINTEST)]


def _coupling_matrix(crystal: Crystal, beams: Index, microscope: Microscope) -> NDArray[np.complex128]:
    differences = (beams[:, None, :] - beams[None, :, :]).reshape(-1, 3)
    extent = 2 * np.abs(beams).max(axis=0) + 1
    code = np.ravel_multi_index(tuple((differences + extent).T), tuple(2 * extent + 1))
    _, first, back = np.unique(code, return_index=True, return_inverse=True)
    matrix = couplings(crystal, differences[first], microscope)[back].reshape(len(beams), len(beams))
    np.fill_diagonal(matrix, 0)
    return np.asarray(matrix)
