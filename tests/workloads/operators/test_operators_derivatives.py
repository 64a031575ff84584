"""All ways of differentiating give the same loss and gradients, and those are the derivatives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from workloads.operators.derivatives import DataVectorised, Derivatives, FunctionLoop, ZeroCoordinateShift
from workloads.operators.equations import EQUATIONS
from workloads.operators.networks import DeepONet
from workloads.operators.problems import PROBLEMS

WAYS: tuple[type[Derivatives], ...] = (ZeroCoordinateShift, FunctionLoop, DataVectorised)
PARAMETERS: Mapping[str, Mapping[str, float]] = {
    "burgers": {"viscosity": 0.02, "nodes": 8, "waves": 3, "resolution": 16},
    "diffusion_reaction": {"diffusion": 0.1, "reaction": 0.5, "length_scale": 0.2, "nodes": 21, "sensors": 7},
    "kdv": {"dispersion": 0.02, "viscosity": 0.01, "nodes": 8, "waves": 3, "resolution": 16},
    "plate": {"rigidity": 0.5, "modes": 2},
    "stokes": {"viscosity": 0.1, "length_scale": 0.2, "nodes": 21, "sensors": 7},
}
COUNTS = {"points": 11, "boundary_points": 16, "initial_points": 4}


class Polynomial(nn.Module):
    """The field s x³ t² of a function s, in one output."""

    def separate(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        return [sensors[:, :1] * (points[:, 0] ** 3 * points[:, 1] ** 2)]

    def aligned(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        return [sensors[:, 0] * (points[:, 0] ** 3 * points[:, 1] ** 2)]


@pytest.mark.parametrize("way", WAYS)
def test_derivatives_are_those_of_a_polynomial(way: type[Derivatives]) -> None:
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(9, 2, generator=generator, dtype=torch.float64)
    sensors = torch.tensor([[2.0], [-1.0]], dtype=torch.float64)
    field = way(Polynomial(), sensors, points, 6)
    x, t = points[:6].unbind(1)
    torch.testing.assert_close(field.combine({(0, (1, 0)): 1.0}), sensors * (3 * x**2 * t**2))
    torch.testing.assert_close(
        field.combine({(0, (2, 1)): 0.5, (0, (0, 2)): -3.0}), sensors * (0.5 * 12 * x * t - 3 * 2 * x**3)
    )
    torch.testing.assert_close(field.combine({(0, (3, 2)): 1.0}), sensors * torch.full_like(x, 12.0))
    assert field.values[0].shape == (2, 6) and field.everywhere[0].shape == (2, 9)


@pytest.mark.parametrize(
    ("name", "hard"), [*((name, False) for name in sorted(PROBLEMS)), ("burgers", True), ("stokes", True)]
)
def test_all_ways_have_the_same_loss_and_gradients(name: str, hard: bool) -> None:
    problem, equation = PROBLEMS[name](PARAMETERS[name]), EQUATIONS[name](PARAMETERS[name], hard)
    random = np.random.default_rng(3)
    collocation = problem.collocate(COUNTS, random)
    functions = problem.space.draw(3, random)
    source = problem.sourcing(collocation)
    right = None if source is None else torch.from_numpy(functions @ source.matrix + source.offset)
    sensors = torch.from_numpy(functions @ problem.sensing.matrix + problem.sensing.offset)
    points = torch.from_numpy(collocation.points)
    torch.manual_seed(5)
    network = DeepONet(equation, sensors.shape[1], len(problem.OUTPUTS), [9, 8]).double()
    found = []
    for way in WAYS:
        network.zero_grad()
        field = way(network, sensors, points, collocation.residual)
        residuals = equation.residuals(field, right)
        loss = torch.stack([each.square().mean() for each in (*residuals, *field.everywhere)]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = torch.cat([parameter.grad.flatten() for parameter in network.parameters()])  # type: ignore[union-attr]
        found.append((loss.detach(), gradients))
    for loss, gradients in found[1:]:
        torch.testing.assert_close(loss, found[0][0], rtol=1e-10, atol=0)
        assert float((gradients - found[0][1]).abs().max()) <= 1e-10 * float(gradients.abs().max())
