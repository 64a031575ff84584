"""Fields made coarser and finer, against Pillow and against what is exact."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from workloads.super_resolution.resampling import KERNELS, enlarge_fields, resampling_weights, shrink_fields

FIELD = np.random.default_rng(1).normal(size=(48, 72)).astype(np.float32)
PILLOW = {"box": Image.Resampling.BOX, "bicubic": Image.Resampling.BICUBIC, "lanczos": Image.Resampling.LANCZOS}


@pytest.mark.parametrize("kernel", PILLOW)
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_resampling_is_pillows(kernel: str, scale: int) -> None:
    height, width = FIELD.shape
    image = Image.fromarray(FIELD)
    coarse = image.resize((width // scale, height // scale), PILLOW[kernel])
    np.testing.assert_allclose(shrink_fields(FIELD, scale, kernel), np.asarray(coarse), atol=2e-5)
    fine = image.resize((width * scale, height * scale), PILLOW[kernel])
    np.testing.assert_allclose(enlarge_fields(FIELD, scale, kernel), np.asarray(fine), atol=2e-5)


def test_a_box_is_the_mean_of_an_area_and_keeps_the_whole_mean() -> None:
    coarse = shrink_fields(FIELD.astype(np.float64), 4, "box")
    np.testing.assert_allclose(coarse, FIELD.astype(np.float64).reshape(12, 4, 18, 4).mean((1, 3)), atol=1e-12)
    assert coarse.mean() == pytest.approx(FIELD.mean(dtype=np.float64), abs=1e-12)
    np.testing.assert_allclose(shrink_fields(enlarge_fields(coarse, 4, "box"), 4, "box"), coarse, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_constant_field_stays_what_it_is(kernel: str) -> None:
    np.testing.assert_allclose(enlarge_fields(np.full((1, 6, 6), 7.0), 3, kernel), 7.0)
    np.testing.assert_allclose(shrink_fields(np.full((1, 6, 6), 7.0), 3, kernel), 7.0)


def test_bicubic_is_exact_for_quadratic_fields_away_from_the_edges() -> None:
    y, x = np.mgrid[:12, :12] + 0.5
    fine_y, fine_x = (np.mgrid[:36, :36] + 0.5) / 3
    found = enlarge_fields(3 * x**2 - x * y + 0.5 * y**2 + 1, 3, "bicubic")
    exact = 3 * fine_x**2 - fine_x * fine_y + 0.5 * fine_y**2 + 1
    np.testing.assert_allclose(found[6:-6, 6:-6], exact[6:-6, 6:-6], atol=1e-10)


def test_gauss_is_as_wide_as_it_says() -> None:
    weights = resampling_weights(96, 12, "gauss")[6]
    away = np.arange(96) - (6.5 * 8 - 0.5)
    assert np.sqrt((weights * away**2).sum()) == pytest.approx(0.5 * 8, rel=0.01)


def test_a_scale_that_does_not_divide_is_named() -> None:
    with pytest.raises(ValueError, match="scale is 5; expected a divisor of the fields' 48 x 72 points"):
        shrink_fields(FIELD, 5, "box")
    with pytest.raises(ValueError, match="scale is 0"):
        enlarge_fields(FIELD, 0, "box")
