"""Numbers that stay when an image is turned, and codes that are as alike as the classes are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import measure

from workloads.rotations.invariants import THRESHOLDS, invariant_features, minkowski_features
from workloads.rotations.methods.affinity_vae import affinity_error
from workloads.rotations.samples import noise_of
from workloads.rotations.turning import turn


def blobs() -> torch.Tensor:
    random = torch.Generator().manual_seed(2)
    fine = torch.rand(3, 2, 6, 6, generator=random)
    return torch.nn.functional.interpolate(fine, size=(24, 24), mode="bilinear")


def test_features_stay_when_an_image_is_turned_by_quarters_and_tell_others_apart() -> None:
    images = blobs()
    features = invariant_features(images, 5, 4)
    for degrees in (90.0, 180.0, 270.0):
        torch.testing.assert_close(invariant_features(turn(images, degrees), 5, 4), features, rtol=1e-3, atol=1e-5)
    assert (features[0] - features[1]).abs().max() > 0.01
    # A mirror image has the same amplitudes, and other phases.
    assert (invariant_features(images.flip(3), 5, 4) - features).abs().max() > 1e-3


def test_area_perimeter_and_euler_number_are_those_of_scikit_image() -> None:
    image = torch.zeros(1, 1, 20, 20)
    image[0, 0, 3:9, 3:9] = 1
    image[0, 0, 5:7, 5:7] = 0
    image[0, 0, 12:14, 12:18] = 1
    area, perimeter, euler = (float(found) for found in minkowski_features(image)[:3])
    binary = image[0, 0].numpy() > THRESHOLDS[0]
    assert area * 20 == pytest.approx(np.sqrt(binary.sum()))
    expected: int = measure.euler_number(binary, connectivity=2)  # type: ignore[no-untyped-call]
    assert euler == expected == 1
    assert perimeter * np.pi * 20 == pytest.approx(24 + 8 + 16)


def test_codes_err_by_how_much_less_alike_they_are_than_their_classes() -> None:
    codes = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
    affinity = torch.tensor([[1.0, 0.25], [0.25, 1.0]])
    labels = torch.tensor([0, 0, 1])
    # Pairs: alike and to be so; square to each other twice, where a quarter is asked.
    assert float(affinity_error(codes, labels, affinity)) == pytest.approx((0 + 0.25 + 0.25) / 3)


def test_the_codes_of_a_single_image_do_not_err_and_have_a_gradient_of_zero() -> None:
    codes = torch.randn(1, 4, requires_grad=True)
    error = affinity_error(codes, torch.tensor([1]), torch.eye(2))
    error.backward()
    assert error.item() == 0 and codes.grad is not None and not codes.grad.any()


def test_noise_is_normal_and_of_seed_epoch_and_sample_alone() -> None:
    many = noise_of(3, np.arange(5000), 4)
    assert abs(many.mean()) < 0.02 and abs(many.std() - 1) < 0.02
    assert abs(np.corrcoef(many.T)[0, 1:]).max() < 0.05
    assert np.array_equal(noise_of(3, np.array([77, 5]), 4), many[[77, 5]])
    assert not np.array_equal(noise_of(4, np.array([77, 5]), 4), many[[77, 5]])
