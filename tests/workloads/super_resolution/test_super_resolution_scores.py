"""What super_resolution's scores say, against scikit-image and against what is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from workloads.runtime.images import ssim
from workloads.super_resolution.networks import Interpolation, interpolate
from workloads.super_resolution.quality import ResolutionQuality, image_scores, whole_scores
from workloads.super_resolution.resampling import enlarge_fields
from workloads.super_resolution.scores import box_error, decibels, radial_spectrum, spectrum_error, valid_mean


def images(seed: int, size: int = 32) -> Tensor:
    """Smooth random images (3, 1, size, size) in [0, 1]."""
    fields = enlarge_fields(np.random.default_rng(seed).random((3, 8, 8)), size // 8, "bicubic")
    return torch.from_numpy(fields).float()[:, None].clamp(0, 1)


def test_scores_are_those_of_scikit_image() -> None:
    metrics = pytest.importorskip("skimage.metrics")
    truth = images(1)
    coarse, model = torch.nn.functional.avg_pool2d(truth, 4), Interpolation(4, "lanczos")
    quality = ResolutionQuality("input", 4, lambda network, found: network(found))
    with torch.no_grad():
        parts = [slice(2), slice(2, 3)]
        kept = [quality.update(model, {"input": coarse[rows], "target": truth[rows]}) for rows in parts]
        made = model(coarse)
    found = quality.compute(quality.counts, {"scores": torch.cat([rows["scores"] for rows in kept]).numpy()})
    psnr, similarity = metrics.peak_signal_noise_ratio, metrics.structural_similarity
    assert found["psnr"] == pytest.approx(psnr(truth.numpy(), made.numpy(), data_range=1), abs=1e-4)
    pairs = list(zip(truth[:, 0].double().numpy(), made[:, 0].double().numpy(), strict=True))
    each = [psnr(fine, ours, data_range=1) for fine, ours in pairs]
    assert found["psnr_mean"] == pytest.approx(np.mean(each), abs=1e-6)
    # scikit-image's mean leaves a rim of five pixels out, as ours does.
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1}
    expected = np.mean([similarity(fine, ours, **options) for fine, ours in pairs])
    assert found["ssim"] == pytest.approx(expected, abs=1e-6)
    bicubic = psnr(truth.numpy(), interpolate(coarse, 4, "bicubic").numpy(), data_range=1)
    assert found["psnr_gain"] == pytest.approx(found["psnr"] - bicubic, abs=1e-4)


def test_whole_interior_and_frame_add_up() -> None:
    truth, made = images(1), images(2)
    found = whole_scores(image_scores(made, made, truth, None, 2))
    errors = {part: 10 ** (-found[f"psnr{part}"] / 10) for part in ("", "_interior", "_frame")}
    assert errors[""] == pytest.approx((errors["_interior"] * 16**2 + errors["_frame"] * (32**2 - 16**2)) / 32**2)
    assert found["psnr_gain"] == found["psnr_gain_frame"] == 0
    assert float(decibels(torch.zeros(()))) == 120


def test_what_has_no_truth_changes_no_score() -> None:
    truth, made, mask = images(1), images(2), torch.ones(3, 1, 32, 32, dtype=torch.uint8)
    mask[:, :, :, 24:] = 0
    scores = []
    for nonsense in (0.0, 1e3):
        spoilt = made.clone()
        spoilt[:, :, :, 24:] = nonsense
        scores.append(image_scores(spoilt, spoilt, truth, mask, 4))
        left = valid_mean((spoilt - truth).square(), mask)
        assert float(left) == pytest.approx(float((made - truth)[..., :24].square().mean()), rel=1e-5)
    assert torch.equal(*scores)
    assert float(scores[0][0, 1]) == 32 * 24


def test_similarity_is_taken_where_whole_windows_are_valid() -> None:
    truth, made = images(1).double(), images(2).double()
    mask = torch.ones_like(truth, dtype=torch.bool)
    torch.testing.assert_close(ssim(made, truth, 1.0, mask), ssim(made, truth, 1.0))
    mask[..., 20:] = False
    torch.testing.assert_close(ssim(made, truth, 1.0, mask), ssim(made[..., :20], truth[..., :20], 1.0))
    assert ssim(made, truth, 1.0, torch.zeros_like(mask)).isnan().all()


def test_waves_are_counted_where_they_are_and_only_those_beyond_the_coarse_grid_are_judged() -> None:
    x = torch.arange(64) / 64
    waves = [torch.cos(2 * np.pi * k * x).expand(1, 1, 64, 64) for k in (3, 20)]
    assert [int(radial_spectrum(wave).argmax()) for wave in waves] == [3, 20]
    noise = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1))
    assert float(spectrum_error(noise, noise, 4)) == 0
    # Ten times the amplitude is a hundred times the power: two in decimal logarithms.
    assert float(spectrum_error(10 * noise, noise, 4)) == pytest.approx(2, abs=1e-3)
    coarse_only = spectrum_error(noise + 5 * waves[0], noise, 4)
    assert float(coarse_only) < 0.1 < float(spectrum_error(noise + 5 * waves[1], noise, 4))


def test_what_cells_hold_is_to_be_conserved() -> None:
    truth = images(1)
    coarse = torch.nn.functional.avg_pool2d(truth, 4)
    assert float(box_error(interpolate(coarse, 4, "nearest"), truth, 4, None).max()) == pytest.approx(0, abs=1e-7)
    assert float(box_error(interpolate(coarse, 4, "bicubic"), truth, 4, None).max()) > 1e-3
    mask = torch.zeros_like(truth, dtype=torch.uint8)
    mask[..., :2] = 1
    one_off = truth + 0.5
    assert box_error(one_off, truth, 4, mask).tolist() == pytest.approx([0.5] * 3)
