"""What the methods of disentanglement add to a reconstruction's error, each against a slower way to the same number."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from orchestrator.config.compose import compose_all
from orchestrator.errors import UsageError
from workloads.disentanglement.components import principal_components
from workloads.disentanglement.methods.adversarial import uniform
from workloads.disentanglement.methods.annealed_vae import AnnealedVae
from workloads.disentanglement.methods.beta_tc_vae import total_correlation
from workloads.disentanglement.methods.beta_vae import BetaVae
from workloads.disentanglement.methods.dae import Dae, refuse_constant
from workloads.disentanglement.methods.dae_network import Stretch, euler, neighbour_distances
from workloads.disentanglement.methods.dip_vae import DipVaeI, DipVaeII
from workloads.disentanglement.methods.factor_vae import shuffled
from workloads.disentanglement.methods.variational import Posterior, VariationalTask, divergence
from workloads.disentanglement.networks import burgess
from workloads.disentanglement.samples import WithNoise
from workloads.runtime.errors import DatasetError, NonFiniteLossError
from workloads.runtime.samples.drawing import normal_numbers
from workloads.runtime.samples.sampleset import Arrays, SampleSet
from workloads.runtime.task import Step


def posterior(images: int = 6, codes: int = 3) -> Posterior:
    generator = torch.Generator().manual_seed(5)
    return Posterior(*(torch.randn(images, codes, generator=generator) for _ in range(3)))


def task(kind: type[VariationalTask], **options: float | str) -> VariationalTask:
    settings: Any = {"model": {"latent": 3, "predicts": "both", "network": "burgess", **options}}
    return kind(settings, Path())


def test_the_divergence_is_that_of_normal_distributions() -> None:
    batch = posterior()
    spread = (0.5 * batch.log_variance).exp()
    expected = kl_divergence(Normal(batch.mean, spread), Normal(0, 1)).sum(1).mean()
    torch.testing.assert_close(divergence(batch), expected)


@pytest.mark.parametrize(("number", "capacity"), [(0, 0.0), (25, 10.0), (50, 20.0), (99, 20.0)])
def test_the_capacity_rises_in_a_line_and_stays(number: int, capacity: float) -> None:
    batch = posterior()
    found = task(AnnealedVae, gamma=3.0, capacity=20.0, rise=0.5).penalty(torch.nn.Identity(), batch, Step(number, 100))
    torch.testing.assert_close(found, 3 * (divergence(batch) - capacity).abs())


def test_the_divergence_that_is_held_to_the_capacity_is_the_global_batchs_on_each_rank() -> None:
    whole = posterior()
    one = task(AnnealedVae, gamma=1000.0, capacity=1.001 * float(divergence(whole)), rise=0.5)
    everywhere = Step(9, 10, together=lambda rows: torch.cat((whole.mean, whole.log_variance, whole.sample), dim=1))
    expected = one.penalty(torch.nn.Identity(), whole, Step(9, 10))
    for part in (slice(0, 3), slice(3, 6)):
        own = Posterior(whole.mean[part], whole.log_variance[part], whole.sample[part])
        torch.testing.assert_close(one.penalty(torch.nn.Identity(), own, everywhere), expected)


def test_the_total_correlation_is_that_of_the_densities_written_out() -> None:
    batch = posterior()
    expected = []
    for sample in batch.sample:
        density = Normal(batch.mean, (0.5 * batch.log_variance).exp()).log_prob(sample).exp().double()
        # Without the constants: sums over the batch, not means.
        expected.append(density.prod(1).sum().log() - density.sum(0).log().sum())
    torch.testing.assert_close(total_correlation(batch.sample, batch), torch.stack(expected).mean().float())


def test_codes_that_repeat_each_other_are_more_correlated_than_codes_that_do_not() -> None:
    generator = torch.Generator().manual_seed(1)
    one, other = (torch.randn(256, 1, generator=generator) for _ in range(2))
    narrow = torch.full((256, 2), -4.0)
    apart, alike = torch.cat((one, other), 1), torch.cat((one, one), 1)
    found = [total_correlation(codes, Posterior(codes, narrow, codes)) for codes in (apart, alike)]
    assert float(found[1]) > float(found[0]) + 0.5


@pytest.mark.parametrize("kind", [DipVaeI, DipVaeII])
def test_the_covariance_is_numpys(kind: type[DipVaeI]) -> None:
    batch = posterior()
    expected = np.cov(batch.mean.numpy().T, ddof=0)
    if kind is DipVaeII:
        expected += np.diag(batch.log_variance.exp().mean(0).numpy())
    found = task(kind, off_diagonal=2.0, diagonal=5.0)
    assert isinstance(found, DipVaeI)
    np.testing.assert_allclose(found.covariance(batch).numpy(), expected, rtol=1e-5)
    apart = expected - np.diag(np.diag(expected))
    penalty = 2 * (apart**2).sum() + 5 * ((np.diag(expected) - 1) ** 2).sum()
    assert float(found.penalty(torch.nn.Identity(), batch, Step()) - divergence(batch)) == pytest.approx(
        penalty, rel=1e-4
    )


def test_shuffling_permutes_each_code_by_itself_and_the_same_on_any_number_of_ranks() -> None:
    generator = torch.Generator().manual_seed(3)
    codes, keys = (torch.randn(9, 4, generator=generator) for _ in range(2))
    whole = shuffled(codes, keys, Step())
    assert not torch.equal(whole, codes)
    for before, after in zip(codes.T, whole.T, strict=True):
        assert torch.equal(before.sort().values, after.sort().values)
    everywhere = Step(together=lambda rows: torch.cat((codes, keys), 1))
    parts = [shuffled(codes[part], keys[part], everywhere) for part in (slice(0, 5), slice(5, 9))]
    assert torch.equal(torch.cat(parts), whole)


def test_the_distance_to_the_nearest_neighbour_is_code_by_code_and_equal_values_are_none() -> None:
    batch = torch.tensor([[0.0, 1.0], [0.5, 1.0], [2.0, 1.0]])
    assert neighbour_distances(batch[1:], batch).tolist() == [[0.5, 100.0], [1.5, 100.0]]


def test_the_stretch_follows_the_batchs_least_value_and_range() -> None:
    stretch, batch = Stretch([1.0, 0.1]), torch.tensor([[1.0, 5.0], [3.0, 5.5]])
    least, span = stretch.measure(batch)
    assert least.tolist() == [1.0, 5.0] and span.tolist() == [2.0, 0.5]
    torch.testing.assert_close(stretch.moving_mag, 0.99 * torch.ones(2) + 0.01 * span)
    torch.testing.assert_close(stretch.moving_min, 0.99 * torch.full((2,), math.pi) + 0.01 * least)
    torch.testing.assert_close(stretch(torch.ones(1, 2)), torch.tensor([[math.pi + 0.01, math.pi + 0.001]]))
    assert stretch.measure(batch[:1]) == (stretch.moving_min, stretch.moving_mag)


def test_a_code_is_a_point_on_a_circle() -> None:
    torch.testing.assert_close(
        euler(torch.tensor([[0.0, 0.25]])), torch.tensor([[1.0, 0.0, 0.0, 1.0]]), rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("span", [0.0, math.nan])
def test_a_code_without_a_range_is_named(span: float) -> None:
    refuse_constant(torch.tensor([1.0, 0.1]), 64, Step(7))
    with pytest.raises(NonFiniteLossError, match="code 1 is the same, or no number, for all 64 images of step 7"):
        refuse_constant(torch.tensor([1.0, span]), 64, Step(7))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["benchmark.model.latent=1"], "benchmark.model.latent is 1; scores compare codes, .* needs two at least"),
        (["benchmark.model.predicts=all"], "benchmark.model.predicts is 'all'; expected one of codes, images, both"),
        (["benchmark.model.network=big"], "benchmark.model.network is 'big'; expected one of burgess, study"),
        (
            ["method=dae", "benchmark.model.latent=3", "benchmark.model.alpha=[1]"],
            "model.alpha has 1 weights; expected latent=3 of them",
        ),
    ],
)
def test_what_a_model_cannot_be_is_refused_before_anything_runs(words: list[str], expected: str) -> None:
    with pytest.raises(UsageError, match=expected):
        compose_all(["benchmark=disentanglement", *words], False)


@pytest.mark.parametrize("predicts", ["codes", "images", "both"])
def test_inference_encodes_or_decodes_or_does_both(predicts: str) -> None:
    one = task(BetaVae, predicts=predicts, beta=1.0)
    model, images = burgess((1, 32, 32), 3, 6), torch.rand(2, 1, 32, 32)
    made = one.predict(model, {"image": images})
    expected: dict[str, torch.Tensor] = {}
    if predicts != "images":
        expected["codes"] = one.encode(model, images)
    if predicts != "codes":
        expected["images"] = one.decode(model, expected.get("codes", torch.zeros(2, 3)))
    assert made.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(made[name], tensor)


def test_principal_components_are_those_of_a_singular_value_decomposition() -> None:
    rows = torch.randn(20, 6, generator=torch.Generator().manual_seed(2)) * torch.arange(1.0, 7)
    mean, components, singular = principal_components(rows, 3)
    _, values, vectors = torch.linalg.svd(rows - rows.mean(0), full_matrices=False)
    torch.testing.assert_close(singular, values[:3])
    torch.testing.assert_close((components * vectors[:3].T).sum(0).abs(), torch.ones(3))
    torch.testing.assert_close(mean, rows.mean(0))
    with pytest.raises(DatasetError, match=r"benchmark.model.latent is 20, but there are 20 images"):
        principal_components(rows, 20)


class Rare(SampleSet):
    """Images of three pixels, each of which is lit in a twentieth of them: two brightly, the third less so."""

    def __len__(self) -> int:
        return 4000

    def read(self, indices: Any, out: Arrays | None = None) -> Arrays:
        lit = indices[:, None] % 20 == np.arange(3)
        return {"image": (lit * [1.0, 1.0, 0.6]).astype(np.float32)}


@pytest.mark.parametrize("seed", range(4))
def test_codes_that_matter_equally_by_symmetry_have_the_same_weight_whichever_images_are_drawn(seed: int) -> None:
    settings: Any = {"model": {"latent": 3, "alpha": None, "small_alpha": 0.001}}
    one = Dae(settings, Path())
    one.images, one.seed = Rare(), seed
    assert one.alpha() == [1.0, 1.0, 0.001]


class Counted(SampleSet):
    """Numbers that are their own samples."""

    def __len__(self) -> int:
        return 5

    def read(self, indices: Any, out: Arrays | None = None) -> Arrays:
        return {"image": indices.astype(np.float32)}


def test_noise_depends_on_seed_epoch_and_sample_alone() -> None:
    noisy = WithNoise(Counted(), 3, seed=1)
    whole = noisy.read(np.array([0, 3, 5, 8]))
    assert whole["image"].tolist() == [0, 3, 0, 3] and whole["noise"].dtype == np.float32
    assert len(np.unique(whole["noise"])) == 12
    part = noisy.read(np.array([8]), {"image": np.empty(2, np.float32), "noise": np.empty((2, 3), np.float32)})
    assert np.array_equal(part["noise"], whole["noise"][3:])
    assert not np.array_equal(WithNoise(Counted(), 3, seed=2).read(np.array([0]))["noise"], whole["noise"][:1])


@pytest.mark.parametrize("width", [1, 20])
def test_noise_is_standard_normal_and_its_columns_and_rows_are_independent(width: int) -> None:
    found = normal_numbers(7, np.arange(200_000 // width), width).astype(np.float64)
    assert abs(found.mean()) < 0.01 and abs(found.std() - 1) < 0.01
    assert abs((found**4).mean() - 3) < 0.1
    shifted = found[1:].ravel() * found[:-1].ravel()
    assert abs(shifted.mean()) < 0.01
    if width > 1:
        correlation = np.corrcoef(found.T) - np.eye(width)
        assert np.abs(correlation).max() < 0.05


def test_uniform_numbers_fill_their_interval_evenly() -> None:
    numbers = uniform(torch.from_numpy(normal_numbers(1, np.arange(20_000), 1))).ravel()
    counts = torch.histc(numbers, bins=10, min=-1, max=1)
    assert int(counts.sum()) == 20_000 and float((counts / 2000 - 1).abs().max()) < 0.1
