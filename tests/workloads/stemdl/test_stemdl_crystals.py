from collections.abc import Callable

import gemmi
import numpy as np
import pytest

from workloads.stemdl.crystals import (
    FAMILIES,
    Crystal,
    images_of_atoms,
    load_prototypes,
    materials_of,
    symmetry_operations,
)

SMALL = [crystal for crystal in load_prototypes() if len(crystal.species) <= 24]


def misses_own_symmetry(crystal: Crystal) -> float:
    """By how many Å, at worst, an operation of the space group misses an atom of the same element."""
    worst = 0.0
    for rotation, translation in symmetry_operations(crystal):
        landed, distance = images_of_atoms(crystal, rotation, translation)
        same = all(crystal.species[source] == crystal.species[target] for source, target in enumerate(landed))
        worst = max(worst, float(distance.max()) if same else np.inf)
    return worst


def test_the_library_has_100_space_groups_and_unique_names() -> None:
    library = load_prototypes()
    assert len({crystal.space_group for crystal in library}) == 100
    assert len({crystal.name for crystal in library}) == len(library) == 285


def test_every_setting_belongs_to_the_space_group_that_the_aflow_tag_states() -> None:
    for crystal in load_prototypes():
        found = gemmi.find_spacegroup_by_ops(gemmi.symops_from_hall(crystal.hall))
        assert found.number == crystal.space_group == int(crystal.name.split("_")[2])


def test_every_structure_has_the_symmetry_of_its_space_group() -> None:
    assert max(misses_own_symmetry(crystal) for crystal in SMALL) < 1e-3


def test_materials_keep_the_symmetry_of_their_prototype() -> None:
    for crystal in SMALL[::7]:
        material = materials_of(crystal, 3, seed=3)[-1]
        assert material.space_group == crystal.space_group
        assert misses_own_symmetry(material) < 1e-3


def test_free_coordinates_move_and_fixed_ones_do_not(prototype: Callable[[str], Crystal]) -> None:
    rock_salt, rutile = prototype("AB_cF8_225_a_b"), prototype("A2B_tP6_136_f_a")
    assert np.array_equal(materials_of(rock_salt, 2, seed=1)[1].positions, rock_salt.positions)
    assert not np.allclose(materials_of(rutile, 2, seed=1)[1].positions, rutile.positions)


def test_elements_are_exchanged_for_chemical_relatives_and_stay_different(prototype: Callable[[str], Crystal]) -> None:
    for material in materials_of(prototype("AB_cF8_225_a_b"), 15, seed=1):
        for old, new in zip(prototype("AB_cF8_225_a_b").species, material.species, strict=True):
            assert any(old in family and new in family for family in FAMILIES)
        assert len(set(material.species)) == 2


def test_materials_differ_from_each_other_and_are_the_same_for_the_same_seed(
    prototype: Callable[[str], Crystal],
) -> None:
    crystal = prototype("A2B_tP6_136_f_a")
    first, again, other = (materials_of(crystal, 10, seed) for seed in (1, 1, 2))
    assert len({material.name for material in first}) == 10
    assert [m.name for m in first] == [m.name for m in again] != [m.name for m in other]
    assert all(np.array_equal(a.positions, b.positions) for a, b in zip(first, again, strict=True))


def test_no_more_materials_than_chemistry_allows(prototype: Callable[[str], Crystal]) -> None:
    assert len(materials_of(prototype("A_cF8_227_a"), 100, seed=1)) == 5  # C, Si, Ge, Sn, Pb


def test_the_lattice_grows_with_the_atoms(prototype: Callable[[str], Crystal]) -> None:
    materials = {m.name.split(":")[1]: m.cell[0] for m in materials_of(prototype("AB_cF8_225_a_b"), 100, seed=1)}
    sodium_chloride, potassium_chloride = (
        next(a for name, a in materials.items() if set(name.split("-")) == pair) for pair in ({"Na", "Cl"}, {"K", "Cl"})
    )
    assert sodium_chloride == pytest.approx(5.64, rel=0.01)
    assert potassium_chloride == pytest.approx(6.29, rel=0.1)
