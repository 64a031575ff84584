from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from workloads.stemdl.crystals import Crystal
from workloads.stemdl.diffraction import Microscope
from workloads.stemdl.formats import preprocess_stack
from workloads.stemdl.simulation import (
    Spread,
    View,
    processed_stack,
    random_views,
    raw_stack,
    record_view,
    symmetry_directions,
)

MICROSCOPE = Microscope()


def image(crystal: Crystal, view: View, microscope: Microscope = MICROSCOPE) -> np.ndarray:
    return np.asarray(processed_stack(crystal, (view,), microscope)[0])


def rock_salt(prototype: Callable[[str], Crystal]) -> Crystal:
    return prototype("AB_cF8_225_a_b")


def test_discs_sit_at_the_reciprocal_lattice_vectors_within_a_pixel(prototype: Callable[[str], Crystal]) -> None:
    crystal = rock_salt(prototype)
    pixels = 512
    _, coverage = record_view(crystal, View((0, 0, 1), 150.0), replace(MICROSCOPE, convergence=0.05), pixels)
    discs, _ = ndimage.label(coverage > 0.5)
    whole = np.bincount(discs.ravel())[1:] > 0.9 * np.pi * (0.05 * pixels / 2.56) ** 2
    centres = np.array(ndimage.center_of_mass(discs > 0, discs, np.flatnonzero(whole) + 1)) - (pixels - 1) / 2
    spacing = pixels / 2.56 / crystal.cell[0]
    assert len(centres) > 50
    assert np.abs(centres - np.round(centres / spacing) * spacing).max() < 1


def test_the_fourfold_axis_and_mirrors_of_rock_salt_show_without_tilt(prototype: Callable[[str], Crystal]) -> None:
    pattern = image(rock_salt(prototype), View((0, 0, 1), 180.0))
    for same in (np.rot90(pattern), pattern[::-1], pattern[:, ::-1], pattern.T):
        assert same == pytest.approx(pattern, abs=0.5)


def test_the_threefold_axis_shows_along_the_body_diagonal(prototype: Callable[[str], Crystal]) -> None:
    crystal = rock_salt(prototype)
    pattern, third, sixth, none = (
        image(crystal, View((1, 1, 1), 180.0, turn=np.radians(angle))) for angle in (0, 120, 60, 30)
    )
    assert third == pytest.approx(pattern, abs=0.5)
    # The zero-order zone alone has a sixfold axis; the first-order zones lower it to a threefold one, faintly.
    assert np.abs(sixth - pattern).mean() < 0.1 * np.abs(none - pattern).mean()


def test_tilt_breaks_the_symmetry(prototype: Callable[[str], Crystal]) -> None:
    pattern = image(rock_salt(prototype), View((0, 0, 1), 180.0, tilt=(0.003, 0.0)))
    assert np.abs(pattern - pattern[:, ::-1]).mean() > 1
    assert pattern == pytest.approx(pattern[::-1], abs=0.5)


def test_a_polar_crystal_shows_its_polarity_and_a_centrosymmetric_one_does_not(
    prototype: Callable[[str], Crystal],
) -> None:
    # Friedel's law holds for single scattering alone; coupled beams tell zincblende from an inverted one.
    view = View((1, -1, 0), 150.0)
    zincblende, diamond = (image(prototype(tag), view) for tag in ("AB_cF8_216_c_a", "A_cF8_227_a"))
    assert diamond == pytest.approx(diamond[::-1, ::-1], abs=0.5)
    assert np.abs(zincblende - zincblende[::-1, ::-1]).max() > 10


def test_forbidden_reflections_leave_no_disc(prototype: Callable[[str], Crystal]) -> None:
    silicon = prototype("A_cF8_227_a")
    pattern = image(silicon, View((0, 0, 1), 150.0))
    pixel = 128 / 2.56 / silicon.cell[0]
    middle = 63.5
    assert pattern[round(middle), round(middle + 2 * pixel)] == 0  # 200
    assert pattern[round(middle + 2 * pixel), round(middle + 2 * pixel)] > 50  # 220


@pytest.mark.parametrize("tag", ["AB_cF8_225_a_b", "A2B_tP6_136_f_a", "AB2_hP3_191_a_d"])
def test_direct_evaluation_agrees_with_averaging_the_large_detector(
    prototype: Callable[[str], Crystal], tag: str
) -> None:
    crystal = prototype(tag)
    views = random_views(crystal.space_group, np.random.default_rng(1), Spread())
    direct = processed_stack(crystal, views, MICROSCOPE)
    averaged = preprocess_stack(raw_stack(crystal, views, MICROSCOPE))
    difference = np.abs(direct - averaged)
    # Grey levels of 0 to 255; the rims of discs differ most.
    assert difference.mean() < 3.5
    assert np.median(difference[averaged > 20]) < 3.5
    assert np.corrcoef(direct.ravel(), averaged.ravel())[0, 1] > 0.985


def test_raw_stacks_hold_parts_of_the_incident_intensity(prototype: Callable[[str], Crystal]) -> None:
    crystal = rock_salt(prototype)
    raw = raw_stack(crystal, random_views(225, np.random.default_rng(2), Spread()), MICROSCOPE)
    assert raw.shape == (3, 512, 512) and raw.dtype == np.float32
    assert raw.min() >= 0 and 0.01 < raw.max() < 1.1


def test_thickness_changes_the_pattern_and_repeating_it_does_not(prototype: Callable[[str], Crystal]) -> None:
    crystal = rock_salt(prototype)
    thin, again, thick = (image(crystal, View((0, 0, 1), t)) for t in (120.0, 120.0, 200.0))
    assert np.array_equal(thin, again)
    assert np.abs(thin - thick).mean() > 1


@pytest.mark.parametrize("space_group", [1, 14, 62, 139, 166, 194, 225])
def test_every_crystal_system_has_three_different_projections(space_group: int) -> None:
    assert len(set(symmetry_directions(space_group))) == 3
