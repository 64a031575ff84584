"""What a picture of codes shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from workloads.disentanglement.pictures import SPAN, STEPS, Views, draw_codes, traversals_of


def test_a_traversal_moves_one_code_through_its_range_and_leaves_the_others() -> None:
    codes = np.random.default_rng(1).normal(size=(400, 3)) * [1, 5, 0]
    start = np.array([0.5, -1.0, 2.0])
    moved = traversals_of(codes, start)
    assert moved.shape == (3, STEPS, 3)
    for code in range(3):
        others = np.delete(np.arange(3), code)
        assert (moved[code][:, others] == start[others]).all()
        assert moved[code][[0, -1], code] == pytest.approx(np.quantile(codes[:, code], SPAN), rel=1e-6)
        assert np.ptp(np.diff(moved[code][:, code])) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("evaluations", [0, 3])
def test_a_picture_shows_images_of_any_colour_with_or_without_a_training(
    channels: int, evaluations: int, tmp_path: Path
) -> None:
    random = np.random.default_rng(1)
    images = random.random((4, channels, 20, 28))
    views = Views(
        images=images,
        reconstructions=images * 0.5,
        traversals=random.random((2, STEPS, channels, 20, 28)),
        mutual=random.random((5, 2)),
        factors=["x", "y", "hue", "shape", "size"],
        history=[(float(number), {"dcimig": 0.1 * number, "mse": 3.0}) for number in range(evaluations)],
    )
    draw_codes(tmp_path / "pictures.png", views)
    drawn = np.asarray(Image.open(tmp_path / "pictures.png"))[..., :3].astype(int)
    coloured = (np.ptp(drawn, axis=-1) > 20)[:, : drawn.shape[1] // 2].any()
    assert drawn.shape[0] > 400 and drawn.shape[1] > 1000 and coloured == (channels == 3)
