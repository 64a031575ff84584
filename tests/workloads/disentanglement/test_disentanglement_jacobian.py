"""Whether codes move a decoder's image in directions of their own."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workloads.disentanglement.scores.jacobian import orthogonality

CODES = torch.rand(8, 2, generator=torch.Generator().manual_seed(1)) + 0.5


def test_polar_coordinates_are_orthogonal_everywhere() -> None:
    def decode(codes: Tensor) -> Tensor:
        radius, angle = codes.T
        return torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1)

    assert orthogonality(decode, CODES) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("degrees", [0, 60, 90])
def test_directions_at_an_angle_give_its_squared_cosine(degrees: int) -> None:
    angle = math.radians(degrees)
    columns = torch.tensor([[3.0, 0.0, 0.0], [0.5 * math.cos(angle), 0.5 * math.sin(angle), 0.0]])
    assert orthogonality(lambda codes: codes @ columns, CODES) == pytest.approx(math.cos(angle) ** 2, abs=1e-6)


def test_it_is_the_mean_over_the_jacobian_that_nested_differentiation_finds() -> None:
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(4, 32), nn.LeakyReLU(), nn.Unflatten(1, (2, 4, 4)), nn.BatchNorm2d(2),
                            nn.ConvTranspose2d(2, 1, 4, 2, 1), nn.Sigmoid()).eval()  # fmt: skip
    codes = torch.randn(5, 4)
    jacobian = torch.stack(
        [torch.autograd.functional.jacobian(lambda z: decoder(z[None])[0].flatten(), code).double() for code in codes]
    )
    gram = np.asarray(jacobian.transpose(1, 2) @ jacobian)
    lengths = np.sqrt(np.einsum("nii->ni", gram))
    cosines = (gram / lengths[:, :, None] / lengths[:, None, :]) ** 2
    one, other = np.triu_indices(4, 1)
    assert orthogonality(decoder, codes) == pytest.approx(cosines[:, one, other].mean(), rel=1e-5)


def test_a_code_that_moves_nothing_has_no_angle() -> None:
    columns = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    codes = torch.rand(4, 3)
    assert orthogonality(lambda z: z @ columns, codes) == pytest.approx(0.5)
    assert math.isnan(orthogonality(lambda z: z @ columns[[0, 2, 2]], codes))
