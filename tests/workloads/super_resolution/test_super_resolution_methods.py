"""super_resolution's interpolations and networks, at the scale that they are of and at others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workloads.super_resolution.boundaries import BoundaryConvolution, lagrange_weights
from workloads.super_resolution.config import BOUNDARIES, DatasetOptions
from workloads.super_resolution.datasets import turbulence_config
from workloads.super_resolution.methods.edsr import EdsrNetwork
from workloads.super_resolution.methods.espcn import build_espcn
from workloads.super_resolution.methods.srcnn import build_srcnn
from workloads.super_resolution.methods.srgan import gradient_error
from workloads.super_resolution.methods.unet import UnetNetwork
from workloads.super_resolution.methods.vdsr import build_vdsr
from workloads.super_resolution.networks import Enlarger, Framed, Interpolation, Sharpened
from workloads.super_resolution.resampling import enlarge_fields

COARSE = torch.rand(2, 1, 8, 12, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_interpolations_of_tensors_are_those_of_arrays(kernel: str) -> None:
    with torch.no_grad():
        fine = Interpolation(4, kernel)(COARSE)
    np.testing.assert_allclose(fine[:, 0], enlarge_fields(COARSE[:, 0].numpy(), 4, kernel), atol=1e-6)


def test_interpolations_are_not_rounded_with_a_network() -> None:
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        rounded = Interpolation(2, "bicubic")(COARSE)
    assert torch.equal(rounded, Interpolation(2, "bicubic")(COARSE).detach())


@pytest.mark.parametrize(
    ("network", "parameters"),
    [
        pytest.param(build_srcnn(), 8_129, id="srcnn"),
        pytest.param(build_espcn(2), 21_284, id="espcn"),
        pytest.param(build_vdsr(20, 64), 665_921, id="vdsr"),
        pytest.param(EdsrNetwork(2, 16, 64, channels=3), 1_369_859, id="edsr x2 in colour"),
        pytest.param(EdsrNetwork(4, 16, 64, channels=3), 1_517_571, id="edsr x4 in colour"),
    ],
)
def test_networks_have_the_published_parameters(network: nn.Module, parameters: int) -> None:
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters


def frames(scale: int) -> list[Enlarger]:
    """Networks in frames, of either kind."""
    made = Framed(EdsrNetwork(scale, 1, 8), scale, standardise=True, residual=True)
    return [made, Sharpened(build_srcnn(), scale, standardise=True, residual=False)]


@pytest.mark.parametrize("scale", [2, 4, 8])
def test_networks_make_images_of_any_scale_and_a_framed_one_keeps_unit_and_offset(scale: int) -> None:
    for network in frames(scale):
        with torch.no_grad():
            for other in (2, 4, 8):
                assert network.to_scale(COARSE, other).shape == (2, 1, 8 * other, 12 * other)
            assert torch.equal(network.to_scale(COARSE, scale), network(COARSE))
            torch.testing.assert_close(network(3 * COARSE + 5), 3 * network(COARSE) + 5, rtol=1e-4, atol=1e-4)


def test_a_network_of_one_scale_is_repeated_or_averaged_at_others() -> None:
    network = Interpolation(4, "nearest")
    repeated = Enlarger.to_scale(network, COARSE, 8)
    torch.testing.assert_close(repeated, network.to_scale(COARSE, 8))
    torch.testing.assert_close(Enlarger.to_scale(network, COARSE, 2), network.to_scale(COARSE, 2))


def convolved(boundary: str, field: Callable[[Tensor, Tensor], Tensor], kernel: int) -> tuple[Tensor, Tensor]:
    """A field convolved with a boundary's treatment, and what comes of the field that goes on beyond its edges."""
    reach, size = kernel // 2, 9
    layer = BoundaryConvolution(1, 2, kernel, boundary).double()
    places = torch.arange(-reach, size + reach, dtype=torch.float64) / size
    whole = field(places[:, None], places[None, :])[None, None]
    inside = whole[..., reach:-reach, reach:-reach]
    return layer(inside), nn.functional.conv2d(whole, layer.weight, layer.bias)


@pytest.mark.parametrize("kernel", [3, 5])
def test_a_padding_free_convolution_is_exact_for_polynomials_up_to_the_image_s_edge(kernel: int) -> None:
    powers = range(kernel)
    factors = torch.randn(kernel, kernel, dtype=torch.float64, generator=torch.Generator().manual_seed(1))

    def polynomial(y: Tensor, x: Tensor) -> Tensor:
        return sum((factors[i, j] * y**i * x**j for i in powers for j in powers), torch.zeros(()))

    found, exact = convolved("padding_free", polynomial, kernel)
    torch.testing.assert_close(found, exact, rtol=1e-9, atol=1e-9)
    for other in set(BOUNDARIES) - {"padding_free"}:
        found, exact = convolved(other, polynomial, kernel)
        inner = (..., slice(kernel // 2, -(kernel // 2)), slice(kernel // 2, -(kernel // 2)))
        torch.testing.assert_close(found[inner], exact[inner])
        assert (found - exact).abs().max() > 1e-3


def test_a_padding_free_convolution_is_the_nearest_window_s_with_a_transformed_kernel() -> None:
    layer = BoundaryConvolution(1, 1, 3, "padding_free").double()
    image = torch.rand(1, 1, 7, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    # One row above and two columns beyond a window's middle are out of reach: the corner is one of each.
    up, right = (torch.from_numpy(lagrange_weights(3, tuple(range(d, d + 3)))) for d in (-1, 1))
    transformed = up.T @ layer.weight[0, 0] @ right
    assert layer.bias is not None
    expected = (transformed * image[0, 0, :3, -3:]).sum() + layer.bias[0]
    torch.testing.assert_close(layer(image)[0, 0, 0, -1], expected)


def test_a_partial_convolution_keeps_a_constant_s_mean_and_zeros_do_not() -> None:
    for boundary, keeps in (("partial", True), ("zero", False), ("replicate", True)):
        layer = BoundaryConvolution(1, 1, 3, boundary)
        nn.init.constant_(layer.weight, 1 / 9)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
        assert torch.allclose(layer(torch.ones(1, 1, 6, 6)), torch.ones(1, 1, 6, 6)) is keeps


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_unet_takes_images_of_any_size(boundary: str) -> None:
    with torch.no_grad():
        assert UnetNetwork(2, 2, boundary)(torch.rand(1, 1, 18, 27)).shape == (1, 1, 18, 27)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_unet_trains_on_images_of_a_size_that_it_was_first_evaluated_on(boundary: str) -> None:
    network, images = UnetNetwork(2, 1, boundary), torch.rand(1, 1, 22, 26)
    with torch.inference_mode():
        network(images)
    network(images).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_an_error_of_gradients_is_of_neighbours_differences() -> None:
    step = torch.zeros(1, 1, 4, 4)
    step[..., 2:] = 3.0
    assert float(gradient_error(step, torch.zeros_like(step))) == pytest.approx(3.0 / 3)
    assert float(gradient_error(step + 7, step)) == 0


OPTIONS = {
    "source": "stand-in", "version": "1", "versions": {}, "split": "regions, box x2", "preset": "tiny", "seed": 1,
    "scale": 2, "evaluation_scales": [4], "degradation": "box", "patch": 16, "stride": 16, "evaluation_patch": 16,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"scale": 3}, "scale is 3; expected one of 2, 4, 8"),
        ({"evaluation_scales": [5]}, "evaluation_scales is 5"),
        ({"degradation": "blur"}, "degradation is 'blur'"),
        ({"degradation": "gauss"}, "split is 'regions, box x2'; it follows from degradation and scale"),
        ({"patch": 15}, "patch is 15; expected a multiple of 2"),
        ({"evaluation_patch": 18}, "evaluation_patch is 18; expected a multiple of 4, from 16 on"),
    ],
)
def test_what_does_not_fit_is_named_before_anything_is_made(changed: dict[str, object], words: str) -> None:
    DatasetOptions(**OPTIONS)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=words):
        DatasetOptions(**{**OPTIONS, **changed})  # type: ignore[arg-type]


def test_turbulence_cannot_be_had_as_real_data_or_in_patches_larger_than_its_fields() -> None:
    flows = {"points": 32, "flows": 1, "evaluation_flows": 1, "times": 1, "interval": 0.1, "viscosity": 0.1}
    turbulence_config.DatasetOptions(**OPTIONS, **flows)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="source is 'real', but nothing is published of turbulence"):
        turbulence_config.DatasetOptions(**{**OPTIONS, "source": "real"}, **flows)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="points is 8"):
        turbulence_config.DatasetOptions(**OPTIONS, **{**flows, "points": 8})  # type: ignore[arg-type]
