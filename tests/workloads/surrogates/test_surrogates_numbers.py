"""Surrogates of what numbers lead to: spin waves, and a sum; and how answers of one number are judged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.surrogates.datasets.spin_waves import SpinWavesDataset
from workloads.surrogates.datasets.synthetic_regression import SyntheticRegressionDataset
from workloads.surrogates.methods.mlp import MlpNetwork
from workloads.surrogates.quality import ValueQuality
from workloads.surrogates.solvers.errors import SolverError
from workloads.surrogates.solvers.spin_waves import (
    HIGHEST,
    RANGES,
    SPIN,
    draw_parameters,
    neutron_frame,
    path_of_waves,
    wave_energies,
)

SHARED: dict[str, Any] = {
    "source": "stand-in", "version": "simulated-1", "split": "test", "preset": "tiny", "seed": 1, "samples": 20,
    "evaluation_samples": 4,
}  # fmt: skip


def test_neighbours_alone_have_the_known_dispersion_and_two_waves_that_cost_nothing() -> None:
    waves = path_of_waves(301)
    energies, _ = wave_energies(np.array([0.65, 0, 0, 0]), waves)
    mean = (np.cos(waves[:, 0]) + np.cos(waves[:, 1])) / 2
    np.testing.assert_allclose(energies, 4 * 0.65 * SPIN * np.sqrt(np.maximum(1 - mean**2, 0)), atol=1e-6)
    corners = np.pi * np.array([[0, 0], [0.01, 0.01], [1, 1], [0.99, 0.99]])
    energies, intensities = wave_energies(np.array([0.65, 0, 0, 0]), corners)
    assert energies[[0, 2]] == pytest.approx([0, 0], abs=1e-6)
    # Little is scattered near the zone's centre, and ever more towards its corner.
    assert intensities[1] < 0.05 and intensities[3] > 20


def test_an_axis_opens_a_gap_and_further_neighbours_soften_the_edge() -> None:
    waves = np.array([[0.0, 0.0], [np.pi, 0.0]])
    (gap, edge), _ = wave_energies(np.array([0.65, 0, 0, 0.05]), waves)
    own = 4 * 0.65 * SPIN + 0.05 * (2 * SPIN - 1)
    assert gap == pytest.approx(np.sqrt(own**2 - (4 * 0.65 * SPIN) ** 2)) and edge == pytest.approx(own)
    (_, softer), _ = wave_energies(np.array([0.65, 0.1, 0, 0.05]), waves)
    assert softer == pytest.approx(own - 8 * 0.1 * SPIN)


def test_a_frame_has_each_waves_whole_intensity_at_its_energy() -> None:
    parameters = draw_parameters(3, np.random.default_rng(1))
    frames = neutron_frame(parameters, 400, 20, 0.2)
    energies, intensities = wave_energies(parameters, path_of_waves(20))
    inside = energies > 1.0
    summed = frames.sum(1) * HIGHEST / 399
    np.testing.assert_allclose(summed[inside], intensities[inside], rtol=1e-3)
    peaks = frames.argmax(1) * HIGHEST / 399
    np.testing.assert_allclose(peaks[inside], energies[inside], atol=0.03)
    highest = wave_energies(np.array([high for _, high in RANGES]) * [1, 0, 0, 1], path_of_waves(50))[0].max()
    assert highest < HIGHEST


def test_couplings_that_do_not_order_are_refused() -> None:
    with pytest.raises(SolverError, match="do not order antiferromagnetically"):
        wave_energies(np.array([0.1, 0.3, 0.0, 0.0]), path_of_waves(50))


@pytest.mark.parametrize(
    ("dataset", "shape"),
    [
        (SpinWavesDataset({**SHARED, "energies": 6, "waves": 7, "resolution": 0.5}), (1, 6, 7)),
        (SyntheticRegressionDataset({**SHARED, "numbers": 3}), (1,)),
    ],
)
def test_samples_are_numbers_with_what_they_lead_to(
    dataset: SpinWavesDataset | SyntheticRegressionDataset, shape: tuple[int, ...], tmp_path: Path
) -> None:
    dataset.synthesise(tmp_path / "data", lambda done, total: None, 1)
    read = ConsolidatedSet(tmp_path / "data", "training").read(np.arange(20))
    assert read["target"].shape == (20, *shape)
    drawn = read["input"].astype(np.float64)
    if isinstance(dataset, SyntheticRegressionDataset):
        expected = (drawn**2 + 15 * np.sin(drawn) ** 3).sum(1, keepdims=True)
    else:
        expected = neutron_frame(drawn, 6, 7, 0.5)[:, None]
    np.testing.assert_allclose(read["target"], expected, rtol=1e-4, atol=1e-4)


def test_mlp_has_the_published_number_of_parameters() -> None:
    with torch.device("meta"):
        network = MlpNetwork((784,), (1,), [3000] * 4, nn.Sigmoid())
    assert sum(parameter.numel() for parameter in network.parameters()) == 29_367_001


def test_answers_of_one_number_are_judged_over_the_whole_set() -> None:
    truth = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    quality = ValueQuality(lambda model, inputs: truth + 0.5)
    rows = quality.update(nn.Identity(), {"input": truth, "target": truth})
    found = quality.compute(quality.counts, {"values": rows["values"].numpy()})
    assert found == pytest.approx(
        {"relative_l2": np.sqrt(0.25 / 7.5), "rmse": 0.5, "mae": 0.5, "r2": 1 - 0.25 / 1.25, "maximum": 0.5}
    )
    mean = ValueQuality(lambda model, inputs: torch.full_like(truth, 2.5))
    rows = mean.update(nn.Identity(), {"input": truth, "target": truth})
    assert mean.compute(mean.counts, {"values": rows["values"].numpy()})["r2"] == pytest.approx(0)
