"""hyperplane: weights of the last layer that fulfil the equation in the mean by construction.

After Leng and Thiyagalingam 2022 (arXiv:2212.00270), who choose the last layer's weights w of a network for one
function on the hyperplane psi . w = -f where a linear equation's mean over a batch of points holds: w = w_0 + N a with
free numbers a, where psi N = 0. Here the weights of each function, as its branch finds them, are moved to the nearest
ones of the hyperplane. Of a linear equation it is the same hyperplane, and all of it is reached; the two differ in its
coordinates alone. Of other equations it is the tangent's, which the paper has not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from workloads.operators.derivatives import Derivatives, ZeroCoordinateShift
from workloads.operators.networks import DeepONet
from workloads.operators.task import OperatorTask
from workloads.runtime.task import Batch


@dataclass(frozen=True)
class Weighted:
    """Fields of the weights that a network's branches find, in place of functions."""

    network: DeepONet
    given: Tensor | None
    """What the equation knows of their functions, (n, K)."""

    def separate(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        """Each output's field (n, P) of weights (n, W) at points (P, d)."""
        return self.network.combined(sensors, self.given, points)

    def aligned(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        """Nothing here takes each weight at its own point."""
        raise NotImplementedError


class Hyperplane(OperatorTask):
    """Derivatives by zero coordinate shift."""

    differentiation = ZeroCoordinateShift

    def derive(self, way: type[Derivatives], model: nn.Module, batch: Batch) -> Derivatives:
        """Of the fields of the weights that were moved."""
        assert isinstance(model, DeepONet)
        return self.derived(way, model, self.moved(way, model, model.weigh(batch["sensors"]), batch), batch)

    def derived(self, way: type[Derivatives], model: DeepONet, weights: Tensor, batch: Batch) -> Derivatives:
        """Of the fields of weights (n, W)."""
        field = Weighted(model, self.equation.given(batch["sensors"]))
        return way(field, weights, batch["points"][0], self.collocation.residual)

    def moved(self, way: type[Derivatives], model: DeepONet, weights: Tensor, batch: Batch) -> Tensor:
        """The weights (n, W) nearest to the given ones at which the equations' means over the points are zero, to first
        order. With the derivatives A (E, W) of E means r, they are less Aᵀ (A Aᵀ)⁻¹ r.
        """
        field = self.derived(way, model, weights, batch)
        missed = [each.mean(1) for each in self.equation.residuals(field, batch.get("source"))]
        slopes = [torch.autograd.grad(mean.sum(), weights, create_graph=True)[0] for mean in missed]
        across = torch.stack(slopes, dim=1)
        # In double precision: equations may be of sizes that differ by orders of magnitude.
        gram = (across @ across.mT).double()
        lengths = torch.linalg.solve(gram, torch.stack(missed, dim=1).double()).to(weights)
        moved: Tensor = weights - (lengths[:, None] @ across)[:, 0]
        return moved

    def fields(self, model: nn.Module, batch: Batch) -> Tensor:
        """Fields on the grid of the weights that were moved, for which derivatives are needed in inference, too."""
        assert isinstance(model, DeepONet)
        with torch.inference_mode(False), torch.enable_grad():
            # What was made in inference mode cannot be differentiated; copies can.
            copies = {name: tensor.clone() for name, tensor in batch.items()}
            weights = self.moved(ZeroCoordinateShift, model, model.weigh(copies["sensors"]), copies).detach()
        given = self.equation.given(batch["sensors"])
        return torch.stack(model.combined(weights, given, self.grid.like(weights)), dim=-1)
