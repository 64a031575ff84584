"""The networks of surrogates: their parameters, what they compute, which grids they take."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workloads.surrogates.methods.deeponet import DeeponetNetwork
from workloads.surrogates.methods.fno import FnoNetwork, FnoShape
from workloads.surrogates.methods.mlp import MlpNetwork
from workloads.surrogates.methods.spectral import SpectralConvolution, SpectralWeights, Transforms
from workloads.surrogates.methods.tfno import TuckerWeights, tucker_ranks
from workloads.surrogates.methods.unet import UnetNetwork
from workloads.surrogates.networks import RollOut, Surrogate, coordinates

PUBLISHED = FnoShape(modes=[24, 12], width=32, layers=4, lifting=0, projection=128, channel_mlp=0, padding=0.1)
"""Of darcy."""


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_fno_has_the_published_number_of_parameters_and_stores_real_numbers_alone() -> None:
    network = FnoNetwork(1, 1, PUBLISHED, False)
    assert parameters(network) == 2_368_001
    assert not any(parameter.is_complex() for parameter in network.parameters())


def by_fourier_transforms(fields: Tensor, weights: Tensor, modes: list[int]) -> Tensor:
    """A spectral convolution (n, c, x, y) as it is defined; the weights (rows, columns, c, d) are complex."""
    rows, columns = modes[0] // 2, modes[1]
    spectrum = torch.fft.rfft2(fields)
    kept = torch.zeros(len(fields), weights.shape[3], *spectrum.shape[2:], dtype=spectrum.dtype)
    kept[:, :, :rows, :columns] = torch.einsum("ncij,ijcd->ndij", spectrum[:, :, :rows, :columns], weights[rows:])
    kept[:, :, -rows:, :columns] = torch.einsum("ncij,ijcd->ndij", spectrum[:, :, -rows:, :columns], weights[:rows])
    found: Tensor = torch.fft.irfft2(kept, s=fields.shape[2:])
    return found


@pytest.mark.parametrize("points", [(8, 8), (9, 11), (12, 8)])
def test_products_with_small_matrices_are_the_fourier_transforms(points: tuple[int, int]) -> None:
    torch.manual_seed(1)
    modes = [6, 5 if points[1] == 8 else 4]
    mixing = SpectralWeights(3, 2, modes[0] * modes[1]).double()
    fields = torch.randn(2, 3, *points, dtype=torch.float64)
    transforms = Transforms.of(modes, points, fields)
    found = SpectralConvolution(mixing)(fields.permute(3, 2, 0, 1).contiguous(), transforms).permute(2, 3, 1, 0)
    stored = mixing.weight.view(modes[1], modes[0], 3, 2, 2)
    weights = torch.complex(stored[..., 0, :], stored[..., 1, :]).transpose(0, 1)
    torch.testing.assert_close(found, by_fourier_transforms(fields, weights, modes), atol=1e-12, rtol=1e-10)


def test_a_line_has_its_modes_too() -> None:
    torch.manual_seed(1)
    mixing = SpectralWeights(3, 2, 4).double()
    fields = torch.randn(2, 3, 10, dtype=torch.float64)
    transforms = Transforms.of([4], (10,), fields)
    found = SpectralConvolution(mixing)(fields.permute(2, 0, 1).contiguous(), transforms).permute(1, 2, 0)
    stored = mixing.weight.view(4, 3, 2, 2)
    weights = torch.complex(stored[..., 0, :], stored[..., 1, :])
    spectrum = torch.fft.rfft(fields)
    kept = torch.zeros(2, 2, 6, dtype=spectrum.dtype)
    kept[:, :, :4] = torch.einsum("nci,icd->ndi", spectrum[:, :, :4], weights)
    torch.testing.assert_close(found, torch.fft.irfft(kept, n=10), atol=1e-12, rtol=1e-10)


def test_a_spectral_convolution_of_fields_in_bfloat16_is_computed_in_single_precision() -> None:
    torch.manual_seed(1)
    convolve = SpectralConvolution(SpectralWeights(3, 2, 4))
    fields = torch.randn(10, 2, 3).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = convolve(fields, Transforms.of([4], (10,), fields))
    expected = convolve(fields.float(), Transforms.of([4], (10,), fields.float()))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


@pytest.mark.parametrize("mean", [0.0, 100.0])
def test_answers_in_bfloat16_are_as_near_to_single_precision_whatever_the_targets_mean(mean: float) -> None:
    torch.manual_seed(1)
    model, inputs = Surrogate(nn.Linear(4, 3), [0.0, mean], [1.0, 1.0]), torch.randn(32, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = model(inputs)
    torch.testing.assert_close(made, model(inputs), rtol=0, atol=0.01)


def test_fno_sees_a_smooth_function_alike_on_every_grid_and_refuses_one_too_coarse() -> None:
    torch.manual_seed(1)
    shape = FnoShape(modes=[4, 3], width=8, layers=1, lifting=0, projection=0, channel_mlp=4, padding=0.0)
    network = FnoNetwork(1, 1, shape, both_ends=False).double()

    def wave(points: int) -> Tensor:
        x, y = coordinates((points, points), False, torch.zeros((), dtype=torch.float64))
        return (torch.sin(2 * torch.pi * x) * torch.cos(2 * torch.pi * y))[None, None]

    # The network's own coordinates jump at the edge of a periodic domain: they are taken out here.
    with torch.no_grad():
        lift = network.lift
        assert isinstance(lift, nn.Linear)
        lift.weight[:, 1:] = 0
        torch.testing.assert_close(network(wave(32))[..., ::2, ::2], network(wave(16)))
    with pytest.raises(ValueError, match=r"a grid of 3 x 8 points cannot hold benchmark.model.modes=\[4, 3\]"):
        network(torch.zeros(1, 1, 3, 8, dtype=torch.float64))


def test_mlp_refuses_a_grid_that_it_was_not_built_for() -> None:
    network = MlpNetwork((1, 4, 4), (2, 4, 4), [8], nn.GELU())
    assert network(torch.zeros(3, 1, 4, 4)).shape == (3, 2, 4, 4)
    with pytest.raises(ValueError, match=r"built for fields \(1, 4, 4\), and takes none \(1, 5, 5\)"):
        network(torch.zeros(3, 1, 5, 5))


class Sum(nn.Module):
    """The next frame is the sum of those before."""

    def forward(self, frames: Tensor) -> Tensor:
        return frames.sum(1, keepdim=True)


def test_a_roll_out_makes_each_frame_of_those_before() -> None:
    made = RollOut(Sum(), 4)(torch.tensor([[1.0, 1.0]])[..., None])
    assert made.flatten().tolist() == [2, 3, 5, 8]
    assert np.prod(made.shape) == 4


def test_fno_has_as_many_parameters_as_neuraloperators_example() -> None:
    example = FnoShape(modes=[8, 5], width=24, layers=4, lifting=48, projection=48, channel_mlp=12, padding=0.0)
    assert parameters(FnoNetwork(1, 1, example, False)) == 191_881
    small = replace(example, modes=[16, 9])
    assert parameters(FnoNetwork(1, 1, small, False)) == 671_113


def test_tuckers_form_keeps_its_share_of_the_weights_and_their_variance() -> None:
    torch.manual_seed(1)
    weights = TuckerWeights([24, 12], 32, 0.1)
    whole = 288 * 32 * 32 * 2
    assert 0.08 * whole < parameters(weights) <= 0.1 * whole
    made = weights()
    assert made.shape == (288, 32, 64)
    assert made.var().item() == pytest.approx(1 / 64, rel=0.35)
    assert tucker_ranks((12, 24, 32, 32), 1.0) < (12, 24, 32, 32)


def test_tuckers_form_is_the_product_of_its_parts() -> None:
    torch.manual_seed(1)
    weights = TuckerWeights([4, 3], 5, 0.5).double()
    core, *factors = (torch.view_as_complex(each.detach().contiguous()) for each in (weights.core, *weights.factors))
    expected = torch.einsum("abcd,ia,jb,kc,ld->ijkl", core, *factors).reshape(12, 5, 5)
    torch.testing.assert_close(weights(), torch.cat((expected.real, expected.imag), 2))


@pytest.mark.parametrize("periodic", [True, False])
def test_a_unet_moves_with_a_periodic_field_and_takes_any_grid_that_can_be_halved(periodic: bool) -> None:
    torch.manual_seed(1)
    network = UnetNetwork(2, 1, 1, 4, 2, periodic, not periodic).double()
    assert network(torch.zeros(1, 1, 7, 9, dtype=torch.float64)).shape == (1, 1, 7, 9)
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    with torch.no_grad():
        first.weight[:, 1:] = 0
    field = torch.randn(1, 1, 8, 8, dtype=torch.float64)
    moved = network(field.roll(4, -1)).roll(-4, -1)
    assert torch.allclose(moved, network(field)) is periodic
    with pytest.raises(ValueError, match=r"a grid of \(3, 8\) points cannot be halved .*depth=2 times"):
        network(torch.zeros(1, 1, 3, 8, dtype=torch.float64))


@pytest.mark.parametrize(("periodic", "both_ends"), [(True, False), (False, True), (False, False)])
def test_deeponet_sees_a_function_at_its_sensors_on_whatever_grid_it_comes(periodic: bool, both_ends: bool) -> None:
    torch.manual_seed(1)
    network = DeeponetNetwork(1, 2, (8, 8), [6], 3, periodic, both_ends).double()

    def straight(points: int) -> Tensor:
        x, y = coordinates((points, points), both_ends, torch.zeros((), dtype=torch.float64))
        return (torch.minimum(x, 1 - x) + 2 * torch.minimum(y, 1 - y) if periodic else x + 2 * y)[None, None]

    fine = 15 if both_ends else 16
    torch.testing.assert_close(network(straight(fine))[..., ::2, ::2], network(straight(8)))
    assert network(straight(fine)).shape == (1, 2, fine, fine)


def test_a_grid_seen_while_gradients_were_off_can_be_trained_on_later() -> None:
    network = FnoNetwork(1, 1, FnoShape([4, 3], 4, 1, 0, 0, 0, 0.0), True)
    fields = torch.ones(1, 1, 8, 8)
    with torch.inference_mode():
        network(fields)
    network(fields).sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
