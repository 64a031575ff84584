from collections.abc import Callable
from dataclasses import replace

import gemmi
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import expm
from scipy.special import j0

from workloads.stemdl.crystals import Crystal, load_prototypes
from workloads.stemdl.diffraction import (
    Microscope,
    couplings,
    excitation_errors,
    many_beam,
    reflections,
    structure_factors,
    two_beam,
    wavelength,
)

BOX = np.indices((7, 7, 7)).reshape(3, -1).T - 3
SMALL = [crystal for crystal in load_prototypes() if len(crystal.species) <= 16]


def aluminium(prototype: Callable[[str], Crystal]) -> Crystal:
    return replace(prototype("A_cF4_225_a"), species=("Al",) * 4, cell=(4.05, 4.05, 4.05, 90.0, 90.0, 90.0))


@pytest.mark.parametrize(("energy", "published"), [(100e3, 0.03701), (200e3, 0.02508), (300e3, 0.01969)])
def test_wavelengths_are_the_tabulated_ones(energy: float, published: float) -> None:
    assert wavelength(energy) == pytest.approx(published, rel=1e-3)


@pytest.mark.parametrize(("index", "published"), [((1, 1, 1), 556), ((2, 0, 0), 673), ((2, 2, 0), 1057)])
def test_extinction_distances_of_aluminium_are_the_published_ones(
    prototype: Callable[[str], Crystal], index: tuple[int, int, int], published: float
) -> None:
    # P. Hirsch et al., Electron Microscopy of Thin Crystals, table of extinction distances at 100 kV, Å.
    microscope = Microscope(energy=100e3, debye_waller=0.0)
    coupling = couplings(aluminium(prototype), np.array([index]), microscope)
    assert 1 / abs(coupling[0]) == pytest.approx(published, rel=0.02)


def test_systematic_absences_vanish_in_every_space_group_of_the_library() -> None:
    absences = 0
    for crystal in SMALL:
        amplitude = np.abs(structure_factors(crystal, BOX, 0.5))
        operations = gemmi.symops_from_hall(crystal.hall)
        absent = np.array([operations.is_systematically_absent(index.tolist()) for index in BOX])
        absences += absent.sum()
        assert amplitude[absent].max(initial=0) < 1e-3 * amplitude.max(), crystal.name
    assert absences > 1000


def test_equivalent_reflections_and_friedel_pairs_are_equally_strong() -> None:
    for crystal in SMALL[::5]:
        amplitude = np.abs(structure_factors(crystal, BOX, 0.5))
        for operation in gemmi.symops_from_hall(crystal.hall).sym_ops:
            images = np.array([operation.apply_to_hkl(index.tolist()) for index in BOX])
            assert np.abs(structure_factors(crystal, images, 0.5)) == pytest.approx(amplitude, abs=1e-2)
        assert np.abs(structure_factors(crystal, -BOX, 0.5)) == pytest.approx(amplitude)


def test_thermal_motion_weakens_high_orders_more(prototype: Callable[[str], Crystal]) -> None:
    orders = np.array([[2, 0, 0], [4, 0, 0], [6, 0, 0]])
    still, moving = (np.abs(structure_factors(aluminium(prototype), orders, b)) for b in (0.0, 1.0))
    assert moving / still == pytest.approx(np.exp(-((np.array([2, 4, 6]) / 4.05 / 2) ** 2)))


def test_two_beam_fringes_have_the_extinction_distance_as_period() -> None:
    coupling, exact = np.array([[1 / 500]]), np.zeros((1, 1))
    assert two_beam(coupling, exact, 250.0).item() == pytest.approx(1)
    assert two_beam(coupling, exact, 500.0).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("excitation", [0.001, 0.004, 0.02])
def test_two_beam_fringes_move_inwards_off_the_bragg_position(excitation: float) -> None:
    coupling = np.array([[1 / 500]])
    period = 1 / np.hypot(excitation, 1 / 500)
    assert two_beam(coupling, np.array([[excitation]]), period).item() == pytest.approx(0, abs=1e-12)
    brightest = two_beam(coupling, np.array([[excitation]]), period / 2).item()
    assert brightest == pytest.approx(1 / (1 + (500 * excitation) ** 2))


@pytest.mark.parametrize("thickness", [50.0, 300.0, 900.0])
def test_two_beam_intensity_over_the_whole_rocking_curve_is_blackmans(thickness: float) -> None:
    # M. Blackman, Proc. R. Soc. A 173 (1939) 68: integral of I ds = (π / 2ξ) integral of J0 from 0 to 2πt/ξ.
    distance = 400.0
    s = np.linspace(-4, 4, 4_000_001)
    integral = two_beam(np.array([1 / distance]), s, thickness).sum() * (s[1] - s[0])
    blackman = np.pi / (2 * distance) * quad(j0, 0, 2 * np.pi * thickness / distance)[0]
    assert integral == pytest.approx(blackman, rel=2e-3)


def test_coupled_beams_reduce_to_the_two_beam_formula() -> None:
    matrix = np.array([[0, 1 / 300], [1 / 300, 0]], dtype=complex)
    s = np.stack([np.zeros(41), np.linspace(-0.01, 0.01, 41)])
    for thickness in (100.0, 150.0, 280.0):
        together = many_beam(matrix, s, thickness, step=5.0)
        assert together[1] == pytest.approx(two_beam(np.array([1 / 300]), s[1], thickness), abs=2e-3)


def random_beams(count: int, directions: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    matrix = random.normal(size=(count, count)) + 1j * random.normal(size=(count, count))
    matrix = (matrix + matrix.conj().T) / 1500
    np.fill_diagonal(matrix, 0)
    excitation = random.uniform(-0.01, 0.01, size=(count, directions))
    excitation[0] = 0
    return matrix, excitation


def test_no_intensity_is_lost_among_coupled_beams() -> None:
    matrix, excitation = random_beams(30, 20)
    assert many_beam(matrix, excitation, 250.0, 10.0).sum(axis=0) == pytest.approx(np.ones(20), abs=1e-4)


def test_coupled_beams_follow_the_exact_solution_of_the_howie_whelan_equations() -> None:
    matrix, excitation = random_beams(12, 3)
    sliced = many_beam(matrix, excitation, 200.0, 10.0)
    for direction in range(3):
        equations = 1j * np.pi * matrix + 2j * np.pi * np.diag(excitation[:, direction])
        exact = np.abs(expm(equations * 200.0)[:, 0]) ** 2
        assert sliced[:, direction] == pytest.approx(exact, abs=0.01)


def test_zone_reflections_lie_on_the_reciprocal_lattice(prototype: Callable[[str], Crystal]) -> None:
    found = reflections(aluminium(prototype), (0, 0, 1), 1.0)
    assert found.indices[0].tolist() == [0, 0, 0]
    assert found.place == pytest.approx(found.indices[:, :2] / 4.05)
    assert found.height == pytest.approx(found.layer / 4.05)
    assert len(found.indices) == 3 * 9 * 9


def test_first_order_laue_zone_lights_up_on_its_ring(prototype: Callable[[str], Crystal]) -> None:
    long = replace(aluminium(prototype), cell=(4.05, 4.05, 40.5, 90.0, 90.0, 90.0))
    found = reflections(long, (0, 0, 1), 1.8)
    s = excitation_errors(found.place, found.height, np.zeros((1, 2)), 200e3)[:, 0]
    brightest = np.linalg.norm(found.place, axis=1)[(found.layer == 1) & (np.abs(s) < 2e-3)]
    radius = np.sqrt(2 / 40.5 / wavelength(200e3))
    assert len(brightest) >= 8
    assert brightest == pytest.approx(np.full(len(brightest), radius), abs=0.06)
