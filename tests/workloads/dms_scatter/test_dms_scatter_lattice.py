import numpy as np
import pytest

from workloads.dms_scatter.lattice import (
    EDGE,
    MONOCLINIC,
    SHEAR,
    SPLITTING,
    TETRAGONAL,
    TETRAGONALITY,
    Cell,
    draw_cell,
    reflections,
    structure_factor,
)

VARIANTS = range(4)


def lengths_and_angles(cell: Cell) -> tuple[np.ndarray, np.ndarray]:
    """a, b, c in Å and alpha, beta, gamma in degrees of the pseudo-cubic axes."""
    basis = cell.basis
    lengths = np.linalg.norm(basis, axis=1)
    cosines = [basis[i] @ basis[j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    return lengths, np.degrees(np.arccos(cosines))


def draws(label: int, count: int = 400) -> list[Cell]:
    return [draw_cell(label, (0.5, 1.0), np.random.default_rng([1, number])) for number in range(count)]


def test_a_tetragonal_cell_has_the_lattice_parameters_of_the_literature() -> None:
    lengths, angles = lengths_and_angles(Cell(EDGE, 4.138 / 4.037))
    assert lengths == pytest.approx([4.037, 4.037, 4.138], abs=1e-6)
    assert angles == pytest.approx([90, 90, 90])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fully_developed_monoclinic_cell_has_the_lattice_parameters_of_the_literature(variant: int) -> None:
    am, bm, cm, beta = 5.717, 5.703, 4.143, 90.53
    edge = (am * bm * cm / 2) ** (1 / 3)
    basis = Cell(edge, cm / np.sqrt(am * bm / 2), SHEAR, SPLITTING, variant).basis
    first, second, third = basis
    diagonals = sorted([np.linalg.norm(first + second), np.linalg.norm(first - second)])
    assert diagonals == pytest.approx([bm, am], abs=2e-3)
    assert np.linalg.norm(third) == pytest.approx(cm, abs=1e-3)
    along = first + second if np.linalg.norm(first + second) > np.linalg.norm(first - second) else first - second
    angle = np.degrees(np.arccos(along @ third / np.linalg.norm(along) / np.linalg.norm(third)))
    assert abs(angle - 90) == pytest.approx(beta - 90, abs=1e-6)


def test_the_four_variants_are_different_and_their_mean_is_nearly_tetragonal() -> None:
    bases = np.stack([Cell(EDGE, TETRAGONALITY, SHEAR, SPLITTING, variant).basis for variant in VARIANTS])
    tetragonal = Cell(EDGE, TETRAGONALITY).basis
    apart = [np.abs(bases[i] - bases[j]).max() for i in VARIANTS for j in range(i)]
    assert min(apart) > 0.02
    assert np.abs(bases.mean(axis=0) - tetragonal).max() < 1e-3


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_pseudo_cubic_axes_of_every_variant_lie_near_x_y_and_z(variant: int) -> None:
    basis = Cell(EDGE, TETRAGONALITY, SHEAR, SPLITTING, variant).basis
    assert np.abs(basis - np.diag(np.diagonal(basis))).max() < 0.06
    assert np.linalg.det(basis) == pytest.approx(EDGE**3, rel=1e-4)


def test_reciprocal_vectors_are_dual_to_the_lattice() -> None:
    cell = Cell(EDGE, TETRAGONALITY, SHEAR, SPLITTING, 1)
    assert cell.reciprocal @ cell.basis.T == pytest.approx(np.eye(3), abs=1e-12)


def test_volume_and_tetragonality_are_drawn_alike_for_both_classes() -> None:
    for one, other in zip(draws(TETRAGONAL), draws(MONOCLINIC), strict=True):
        assert (one.edge, one.tetragonality) == (other.edge, other.tetragonality)
        assert one.shear == one.splitting == 0 and other.shear > 0 and other.splitting > 0


def test_the_order_parameter_scales_shear_and_squared_the_splitting() -> None:
    cells = draws(MONOCLINIC)
    developed = np.array([cell.shear / SHEAR for cell in cells])
    assert 0.5 <= developed.min() < 0.52 and 0.98 < developed.max() <= 1
    assert [cell.splitting for cell in cells] == pytest.approx(SPLITTING * developed**2)
    assert {cell.variant for cell in cells} == set(VARIANTS)


def test_reflections_are_all_indices_but_the_origin() -> None:
    indices = reflections(2)
    assert len(np.unique(indices, axis=0)) == 5**3 - 1
    assert not np.any(np.all(indices == 0, axis=1))


def test_reflections_with_even_indices_are_the_strongest_of_a_perovskite() -> None:
    factors = structure_factor(np.array([[0, 0, 2], [1, 1, 0], [1, 1, 1], [1, 0, 0]]))
    assert factors == pytest.approx([82 + 31.36 + 24, 82 + 31.36 - 8, 82 - 31.36 + 24, 82 - 31.36 - 8])
