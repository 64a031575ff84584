from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import ArrayLike

from workloads.dms_scatter import simulation
from workloads.dms_scatter.lattice import EDGE, MONOCLINIC, SHEAR, SPLITTING, TETRAGONAL, TETRAGONALITY, Cell
from workloads.dms_scatter.simulation import (
    DISTANCE,
    ENERGY,
    HC,
    PIXEL,
    Spread,
    detector_directions,
    expected_photons,
    lines_on_detector,
    rotation_matrix,
    simulate_pattern,
)

STILL = Spread(misorientation=0, energy=0, brightness=0, width=(1.0, 1.0))
"""Nothing varies but background and the lattice."""
WAVELENGTHS = HC / np.array([ENERGY])
TETRAGONAL_CELL = Cell(EDGE, TETRAGONALITY)
MONOCLINIC_CELL = Cell(EDGE, TETRAGONALITY, SHEAR, SPLITTING, 0)


def pixels_on(cell: Cell, indices: ArrayLike) -> np.ndarray:
    """Distance of every pixel from the reflection's line (rows, columns), in pixels."""
    met, distances = lines_on_detector(np.array([indices]) @ cell.reciprocal, WAVELENGTHS, 0.0)
    assert len(met) == 1, f"{indices!r} has no line on the detector"
    return np.asarray(distances[0, 0] * DISTANCE / PIXEL)


def test_the_detector_has_the_size_and_distance_of_a_pilatus_100k_at_i16() -> None:
    directions = detector_directions()
    assert directions.shape == (3, 487, 195)
    assert np.linalg.norm(directions, axis=0) == pytest.approx(1, abs=1e-6)
    high = np.degrees(np.arccos(directions[:, 0, 97] @ directions[:, 486, 97]))
    assert high == pytest.approx(2 * np.degrees(np.arctan(486 * 0.172 / 2 / 565)), abs=0.02)


def test_every_pixel_on_a_line_leaves_at_the_bragg_angle_of_its_planes() -> None:
    indices = np.array([4, 0, 2])
    vector = indices @ TETRAGONAL_CELL.reciprocal
    on_line = np.abs(pixels_on(TETRAGONAL_CELL, indices)) < 0.3
    assert on_line.sum() > 50
    directions = detector_directions()[:, on_line].T / WAVELENGTHS[0]
    # Bragg diffraction turns k into k - G without changing its length.
    before = np.linalg.norm(directions - vector, axis=1)
    assert before == pytest.approx(np.full(len(before), 1 / WAVELENGTHS[0]), rel=2e-4)


def test_distances_from_a_line_are_angles() -> None:
    vector = np.array([[4, 0, 2]]) @ TETRAGONAL_CELL.reciprocal
    turned_by = 3 * PIXEL / DISTANCE
    axis = np.cross(vector[0], [0, 1, 0])
    about_y = rotation_matrix(np.array([0, turned_by, 0]))
    assert axis.any()
    one = lines_on_detector(vector, WAVELENGTHS, 0.01)[1][0, 0]
    other = lines_on_detector(vector @ about_y.T, WAVELENGTHS, 0.01)[1][0, 0]
    near = np.abs(one) < 4 * turned_by
    assert np.abs(other - one)[near] == pytest.approx(np.full(near.sum(), turned_by), rel=0.05)


def test_lines_that_miss_the_detector_are_left_out_and_no_other() -> None:
    vectors = simulation.all_reflections() @ TETRAGONAL_CELL.reciprocal
    margin = 2e-3
    met, _ = lines_on_detector(vectors, WAVELENGTHS, margin)
    assert 15 < len(met) < 60
    reachable = np.flatnonzero(np.linalg.norm(vectors, axis=1) * WAVELENGTHS[0] / 2 < 1)
    assert set(met) <= set(reachable)
    directions = detector_directions().reshape(3, -1)
    for place in reachable:
        length = np.linalg.norm(vectors[place])
        missed_by = np.abs(vectors[place] / length @ directions - length * WAVELENGTHS[0] / 2).min()
        assert missed_by > 1e-4 or place in met


def test_a_tetragonal_pattern_is_its_own_mirror_image_and_a_monoclinic_one_is_not() -> None:
    flat = replace(STILL, background=0.0)

    def asymmetry(cell: Cell) -> float:
        photons = expected_photons(cell, flat, np.random.default_rng(1))
        return float(np.abs(photons - photons[:, :, ::-1]).sum() / photons.sum())

    assert asymmetry(TETRAGONAL_CELL) < 1e-3
    for variant in range(4):
        assert asymmetry(Cell(EDGE, TETRAGONALITY, SHEAR, SPLITTING, variant)) > 0.5


def test_mirrored_lines_of_a_tetragonal_lattice_cross_on_one_straight_line_and_those_of_a_monoclinic_do_not() -> None:
    pairs = [([0, 2, 2], [0, -2, 2]), ([0, 2, 3], [0, -2, 3])]

    def crossings(cell: Cell) -> np.ndarray:
        both = [np.hypot(pixels_on(cell, one), pixels_on(cell, other)) for one, other in pairs]
        return np.array([np.unravel_index(distance.argmin(), distance.shape) for distance in both])

    tetragonal, monoclinic = crossings(TETRAGONAL_CELL), crossings(MONOCLINIC_CELL)
    assert tetragonal[:, 1].tolist() == [97, 97]
    # No rotation by a fraction of a degree moves two crossings apart: the lattice did.
    assert abs(monoclinic[0, 1] - monoclinic[1, 1]) >= 2


@pytest.mark.thorough
def test_the_classes_have_the_same_brightness_and_contrast() -> None:
    spread = Spread()
    totals: dict[int, list[list[float]]] = {TETRAGONAL: [], MONOCLINIC: []}
    for label, values in totals.items():
        for number in range(30):
            image = simulate_pattern(label, spread, np.random.default_rng([5, number])).astype(float)
            values.append([image.mean(), image.std()])
    tetragonal, monoclinic = (np.array(totals[label]) for label in (TETRAGONAL, MONOCLINIC))
    apart = np.abs(tetragonal.mean(axis=0) - monoclinic.mean(axis=0))
    assert (apart < 0.5 * tetragonal.std(axis=0)).all()


def test_lines_and_background_are_as_bright_as_asked() -> None:
    photons = expected_photons(TETRAGONAL_CELL, STILL, np.random.default_rng(1))
    assert 0.6 * STILL.background < np.median(photons) < 1.6 * STILL.background
    assert photons.max() > 0.5 * STILL.peak


def test_the_channels_are_three_photon_energies_at_which_lines_lie_elsewhere() -> None:
    photons = expected_photons(TETRAGONAL_CELL, replace(STILL, background=0.0), np.random.default_rng(1))
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert np.corrcoef(photons[one].ravel(), photons[other].ravel())[0, 1] < 0.5


def test_a_pattern_is_counted_photons_and_depends_on_its_random_numbers_alone() -> None:
    first, again, other = (simulate_pattern(MONOCLINIC, Spread(), np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert first.shape == (487, 195, 3) and first.dtype == np.uint8
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_rotation_turns_about_its_axis() -> None:
    quarter = rotation_matrix(np.array([0, 0, np.pi / 2]))
    assert quarter @ [1, 0, 0] == pytest.approx([0, 1, 0], abs=1e-12)
    assert rotation_matrix(np.zeros(3)) == pytest.approx(np.eye(3))
