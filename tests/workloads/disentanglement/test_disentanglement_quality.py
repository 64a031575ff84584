"""What an evaluation of codes comes to, and what only its end asks for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workloads.disentanglement.quality import CodesQuality
from workloads.runtime.task import Arrays, Batch


class Mixer:
    """Codes are two factors, the images a linear picture of them."""

    def to_images(self, batch: Batch) -> Tensor:
        return batch["image"]

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :2]

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        pixels: Tensor = model(codes)
        return pixels.reshape(-1, 1, 2, 2)


def judged(forests: bool) -> tuple[CodesQuality, Arrays]:
    """A quality and the rows that it asks to keep, of all pairs of two factors. Its decoder moves images along the
    diagonal and along one side of a square.
    """
    model = nn.Linear(2, 4)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]))
        model.bias.zero_()
    factors = torch.cartesian_prod(torch.arange(6), torch.arange(6))
    images = nn.functional.pad(factors.float(), (0, 2))[:, None].unflatten(2, (2, 2))
    quality = CodesQuality(Mixer(), forests)
    with torch.inference_mode():
        kept = quality.update(model, {"image": images, "factors": factors})
    return quality, {name: tensor.numpy() for name, tensor in kept.items()}


@pytest.mark.parametrize("forests", [False, True])
def test_forests_and_the_decoders_jacobian_wait_for_the_end(forests: bool) -> None:
    quality, rows = judged(forests)
    ticks: list[None] = []
    usual = quality.compute(quality.counts, rows)
    last = quality.conclude(quality.counts, rows, lambda: ticks.append(None))
    added = {"orthogonality"}
    if forests:
        added |= {"dci_disentanglement", "dci_completeness", "dci_informativeness", "dci"}
    # Each score and each code of the Jacobian is a sign of life: on a busy machine one may take a minute.
    assert last.keys() - usual.keys() == added and len(ticks) >= 9 + 2 + forests
    assert {name: last[name] for name in usual} == usual
    assert last["orthogonality"] == pytest.approx(0.5)
    assert usual["z_diff"] == pytest.approx(1) and usual["dcimig"] == pytest.approx(1)
    errors = [(b * b + (a - b) ** 2) / 4 for a, b in np.ndindex(6, 6)]
    assert usual["mse"] == pytest.approx(np.mean(errors))
