"""The scores of surrogates, held against their definitions."""

from __future__ import annotations

import math
from typing import cast

import numpy as np
import pytest
import torch

from workloads.surrogates import scores
from workloads.surrogates.datasets.pairs import PairsDescription
from workloads.surrogates.quality import FieldQuality

TRUTH = torch.from_numpy(np.random.default_rng(1).normal(size=(3, 2, 8, 8)))


def test_relative_errors_do_not_depend_on_the_unit_or_the_grid() -> None:
    made = 1.1 * TRUTH
    for truth in (TRUTH, 1000 * TRUTH, TRUTH.repeat_interleave(2, -1)):
        found = scores.relative_l2(1.1 * truth, truth)
        torch.testing.assert_close(found, torch.full((3,), 0.1, dtype=torch.float64))
    torch.testing.assert_close(scores.relative_h1(made, TRUTH, True, False), torch.full((3,), 0.1, dtype=torch.float64))


def test_the_mean_is_taken_over_samples_and_not_over_their_values() -> None:
    truth = torch.stack((torch.ones(1, 4), torch.full((1, 4), 100.0)))
    made = truth + torch.tensor([1.0, 0.0])[:, None, None]
    assert scores.relative_l2(made, truth).mean() == pytest.approx(0.5)


def test_a_truths_mean_has_a_vrmse_of_one_and_any_offset_is_free() -> None:
    mean = TRUTH.mean((2, 3), keepdim=True).expand_as(TRUTH)
    torch.testing.assert_close(scores.vrmse(mean, TRUTH), torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(scores.vrmse(mean + 5, TRUTH + 5), torch.ones(3, dtype=torch.float64))


def test_nrmse_weighs_every_step_of_a_roll_out_alike() -> None:
    truth = torch.stack((torch.ones(8), torch.full((8,), 10.0)))[None]
    made = truth + torch.tensor([0.5, 0.0])[None, :, None]
    assert scores.nrmse(made, truth) == pytest.approx(0.25)
    torch.testing.assert_close(scores.channel_errors(made, truth), torch.tensor([[0.5, 0.0]], dtype=torch.float64))
    assert scores.relative_l2(made, truth) == pytest.approx(0.5 / math.sqrt(101), rel=1e-6)
    assert scores.maximum(made, truth) == pytest.approx(0.5)


@pytest.mark.parametrize(("periodic", "both_ends"), [(True, False), (False, True), (False, False)])
def test_slopes_are_those_of_a_wave(periodic: bool, both_ends: bool) -> None:
    points = 400
    x = torch.arange(points, dtype=torch.float64) / (points - both_ends)
    wave = torch.sin(2 * torch.pi * x)[None, None]
    (slope,) = scores.slopes(wave, periodic, both_ends)
    inner = slice(1, -1)
    torch.testing.assert_close(
        slope[0, 0][inner], (2 * torch.pi * torch.cos(2 * torch.pi * x))[inner], atol=1e-3, rtol=0
    )
    ripple = wave + 0.01 * torch.sin(40 * torch.pi * x)
    assert scores.relative_h1(ripple, wave, periodic, both_ends) > 10 * scores.relative_l2(ripple, wave)


def test_drift_is_what_was_lost_of_the_mean() -> None:
    made = TRUTH + torch.tensor([0.0, 0.3])[None, :, None, None]
    scale = TRUTH.flatten(1).square().mean(1).sqrt()
    torch.testing.assert_close(scores.drift(made, TRUTH), 0.3 / scale)
    turned = TRUTH.roll(1, -1)
    torch.testing.assert_close(scores.drift(turned, TRUTH), torch.zeros(3, dtype=torch.float64), atol=1e-12, rtol=0)


def test_a_wave_has_its_power_at_its_number_of_periods() -> None:
    x = torch.arange(32, dtype=torch.float64) / 32
    wave = torch.cos(2 * torch.pi * 5 * x)
    for field in (wave.expand(1, 1, 32, 32), wave.expand(1, 1, 48, 32), wave[:, None].expand(1, 1, 32, 48)):
        spectrum = scores.mean_spectrum(field)
        assert len(spectrum) == 17 and int(spectrum.argmax()) == 5


class Exact(torch.nn.Module):
    """Hands its input through."""

    def forward(self, fields: torch.Tensor) -> torch.Tensor:
        return fields


def test_quality_never_looks_at_the_input() -> None:
    truth = TRUTH.float()
    facts = {"periodic": True, "both_ends": False, "rolls": 2, "conserves": True}
    quality = FieldQuality(lambda model, inputs: inputs * 0 + 1.1 * truth, "_8", cast("PairsDescription", facts))
    found = {}
    for scale in (1.0, 1e6):
        rows = quality.update(Exact(), {"input_8": scale * truth, "target_8": truth})
        found[scale] = quality.compute(quality.counts, {"scores": rows["scores"].numpy()})
    assert found[1.0] == found[1e6]
    assert found[1.0]["relative_l2"] == pytest.approx(0.1, rel=1e-5)
    assert {"step1/relative_l2", "step2/relative_l2", "drift", "h1", "nrmse", "vrmse", "maximum"} < set(found[1.0])
