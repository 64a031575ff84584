"""Networks of disentanglement: their published sizes, images of other sizes, and batch norm over all ranks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from workloads.disentanglement.methods import ib_gan, info_gan
from workloads.disentanglement.methods.dae_network import DisentanglingAutoencoder
from workloads.disentanglement.methods.factor_vae import Rivals
from workloads.disentanglement.networks import NETWORKS, burgess, study
from workloads.disentanglement.normalisation import GlobalBatchNorm

GREY = (1, 64, 64)


def parameters_of(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        # disentangling-vae's, counted; disentanglement_lib's, from its layers.
        (lambda: burgess(GREY, 10, 20), 502_005),
        (lambda: study(GREY, 10, 20), 690_517),
        # stfc-sciml/dae's, counted.
        (lambda: DisentanglingAutoencoder((1, 84, 84), [1.0, 1.0, 0.001]), 61_046),
        # Six layers of a thousand units and two logits: 11,000 + 5 · 1,001,000 + 2,002.
        (lambda: Rivals(burgess(GREY, 10, 20), 10, 1000).discriminator, 5_018_002),
        # IB-GAN's of dSprites, from its layers: representation, generator, reconstructor, discriminator.
        (lambda: ib_gan.representation(16, 10), 2_260),
        (lambda: ib_gan.generator(GREY, 10), 1_179_489),
        (lambda: ib_gan.reader(GREY, 16, deep=True), 2_283_488),
        (lambda: ib_gan.reader(GREY, 1, deep=False), 2_213_329),
    ],
    ids=[
        "burgess",
        "study",
        "dae",
        "discriminator",
        "representation",
        "generator",
        "reconstructor",
        "ib discriminator",
    ],
)
def test_networks_have_the_published_number_of_parameters(build: Callable[[], nn.Module], expected: int) -> None:
    assert parameters_of(build()) == expected


@pytest.mark.parametrize("shape", [(1, 84, 84), (3, 64, 64), (2, 50, 33)], ids=str)
def test_images_of_any_size_come_back_in_their_size(shape: tuple[int, ...]) -> None:
    images, codes = torch.rand(2, *shape), torch.randn(2, 4)
    for build in NETWORKS.values():
        network = build(shape, 4, 8)
        assert network(images).shape == (2, 8) and network.decoder(codes).shape == images.shape
    dae = DisentanglingAutoencoder(shape, [1.0] * 4)
    assert dae.encoder(images).shape == (2, 4) and dae.decoder(torch.randn(2, 8)).shape == images.shape
    assert ib_gan.generator(shape, 4)(codes).shape == images.shape
    assert ib_gan.reader(shape, 5, deep=True)(images).shape == (2, 5)
    assert info_gan.Maker(shape, 4)(codes).shape == images.shape
    assert info_gan.Judge(shape, 3)(images)[1].shape == (2, 3)


def as_stored(values: Tensor, last: bool) -> Tensor:
    """The values with channels last in memory or not."""
    return values.contiguous(memory_format=torch.channels_last) if last else values


@pytest.mark.parametrize(
    ("shape", "last"),
    [((12, 5), False), ((6, 5, 4, 3), False), ((6, 3, 4, 5), False), ((6, 3, 4, 5), True), ((6, 1, 4, 5), True)],
    ids=["vectors", "images", "few channels", "few channels, last", "one channel"],
)
def test_batch_norm_of_a_rank_that_is_alone_is_that_of_torch(shape: tuple[int, ...], last: bool) -> None:
    ours = GlobalBatchNorm(shape[1])
    theirs = nn.BatchNorm1d(shape[1]) if len(shape) == 2 else nn.BatchNorm2d(shape[1])
    for norm in (ours, theirs):
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=torch.Generator().manual_seed(1))
        nn.init.uniform_(norm.bias, 0.5, 1.5, generator=torch.Generator().manual_seed(2))
    x, weights = as_stored(3 * torch.randn(shape) + 1, last), torch.randn(shape)
    found = []
    for norm in (ours, theirs):
        inputs = x.clone().requires_grad_()
        outputs = norm(inputs)
        (outputs * weights).sum().backward()
        found.append((outputs, inputs.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)
    ours.eval()
    theirs.eval()
    torch.testing.assert_close(ours(x), theirs(x))


@pytest.mark.parametrize("channels", [1, 3, 8])
def test_the_arithmetic_of_batch_norm_is_counted_without_values(channels: int) -> None:
    with FakeTensorMode():
        norm = GlobalBatchNorm(channels)
        images = as_stored(torch.empty(4, channels, 6, 5), True).requires_grad_()
        norm(images).sum().backward()
    assert images.grad is not None and images.grad.shape == (4, channels, 6, 5)


@pytest.mark.parametrize(
    ("dtype", "channels", "last"),
    [(torch.float32, 5, False), (torch.bfloat16, 5, False), (torch.float32, 3, True), (torch.float32, 2, True)],
)
def test_batch_norm_of_two_ranks_is_that_of_one_with_both_batches(
    dtype: torch.dtype, channels: int, last: bool
) -> None:
    whole = (torch.randn(7, channels, 4, 3) * torch.arange(1.0, 8)[:, None, None, None]).to(dtype)
    weights, parts = torch.randn(whole.shape), ((0, 5), (5, 7))
    meet, given = threading.Barrier(2), [np.zeros(0)] * 2

    def normalise(norm: GlobalBatchNorm, rows: slice) -> tuple[Tensor, ...]:
        inputs = as_stored(whole[rows].clone(), last).requires_grad_()
        outputs = norm(inputs)
        (outputs * weights[rows]).sum().backward()
        assert inputs.grad is not None and norm.weight.grad is not None and norm.bias.grad is not None
        return outputs, inputs.grad, norm.weight.grad, norm.bias.grad, norm.running_mean, norm.running_var

    def on_rank(rank: int) -> tuple[Tensor, ...]:
        def add_up(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
            given[rank] = sums
            meet.wait(timeout=60)
            both: npt.NDArray[np.float64] = given[0] + given[1]
            meet.wait(timeout=60)
            return both

        norm = GlobalBatchNorm(channels)
        norm.add_up = add_up
        return normalise(norm, slice(*parts[rank]))

    expected = normalise(GlobalBatchNorm(channels), slice(None))
    with ThreadPoolExecutor(2) as ranks:
        found = list(zip(*ranks.map(on_rank, range(2)), strict=True))
    rtol, atol = (1e-4, 1e-5) if dtype == torch.float32 else (2e-2, 3e-2)
    joined = [torch.cat(pair) for pair in found[:2]] + [sum(pair) for pair in found[2:4]] + [found[4][0], found[5][1]]
    for ours, theirs in zip(joined, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol)
