"""DeepONet (Lu et al. 2021, doi:10.1038/s42256-021-00302-5): fields as products of what two networks find."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from workloads.operators.equations.base import Equation


def build_mlp(widths: Sequence[int]) -> nn.Sequential:
    """Linear layers of these widths with tanh between them; Glorot's normal weights, biases zero."""
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        linear = nn.Linear(before, after)
        nn.init.xavier_normal_(linear.weight)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


class BranchAndTrunk(nn.Module):
    """One output: what the branch finds in a function, times what the trunk finds at a point, and a bias."""

    def __init__(self, branch: Sequence[int], trunk: Sequence[int]) -> None:
        super().__init__()
        self.branch, self.trunk = build_mlp(branch), build_mlp(trunk)
        self.bias = nn.Parameter(torch.zeros(()))

    def weights(self, sensors: Tensor) -> Tensor:
        """What the branch finds, (n, w)."""
        found: Tensor = self.branch(sensors)
        return found

    def modes(self, features: Tensor) -> Tensor:
        """What the trunk finds, (P, w)."""
        return torch.tanh(self.trunk(features))


class DeepONet(nn.Module):
    """A pair of networks for each output. The equation says what they see of a point, and what multiplies them."""

    def __init__(self, equation: Equation, sensors: int, outputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.equation = equation
        pairs = [BranchAndTrunk([sensors, *widths], [equation.FEATURES, *widths]) for _ in range(outputs)]
        self.outputs: Sequence[BranchAndTrunk] = nn.ModuleList(pairs)  # type: ignore[assignment]

    def forward(self, sensors: Tensor, points: Tensor) -> Tensor:
        """Fields (n, P, outputs) of functions (n, S) at points (P, d) that they share."""
        return torch.stack(self.separate(sensors, points), dim=-1)

    def separate(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        """The same as a field (n, P) for each output."""
        return self.combined(self.weigh(sensors), self.equation.given(sensors), points)

    def weigh(self, sensors: Tensor) -> Tensor:
        """What the branches find, side by side (n, outputs · w)."""
        return torch.cat([pair.weights(sensors) for pair in self.outputs], dim=1)

    def combined(self, weights: Tensor, given: Tensor | None, points: Tensor) -> list[Tensor]:
        """Each output's field (n, P) with these weights (n, outputs · w) of what the trunks find at points (P, d), and
        with what the equation knows as ``given``, (n, K).
        """
        features = self.equation.features(points)
        parts = weights.chunk(len(self.outputs), dim=1)
        found = [
            torch.addmm(pair.bias, part, pair.modes(features).T) for pair, part in zip(self.outputs, parts, strict=True)
        ]
        return shared(self.equation, framed(self.equation, found, points), given, points)

    def aligned(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        """Each output's field (N,) of functions (N, S), each at its own one of the points (N, d)."""
        features = self.equation.features(points)
        found = [(pair.weights(sensors) * pair.modes(features)).sum(1) + pair.bias for pair in self.outputs]
        return paired(self.equation, framed(self.equation, found, points), self.equation.given(sensors), points)


class OneField(nn.Module):
    """A plain network of a point's features: the field of one function. Of another it knows what is given alone."""

    def __init__(self, equation: Equation, outputs: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.equation = equation
        self.network = build_mlp([equation.FEATURES, *widths, outputs])

    def forward(self, sensors: Tensor, points: Tensor) -> Tensor:
        """Fields (n, P, outputs) at points (P, d) for functions (n, S)."""
        return torch.stack(self.separate(sensors, points), dim=-1)

    def separate(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        """The same as a field (n, P) for each output."""
        fields = [each.expand(len(sensors), -1) for each in self.found(points)]
        return shared(self.equation, fields, self.equation.given(sensors), points)

    def aligned(self, sensors: Tensor, points: Tensor) -> list[Tensor]:
        """Each output's field (N,) at points (N, d)."""
        return paired(self.equation, self.found(points), self.equation.given(sensors), points)

    def found(self, points: Tensor) -> list[Tensor]:
        """The network's part of it."""
        return framed(self.equation, self.network(self.equation.features(points)).unbind(1), points)


def framed(equation: Equation, found: Sequence[Tensor], points: Tensor) -> list[Tensor]:
    """Each output times the equation's envelope at the points."""
    envelope = equation.envelope(points)
    return list(found) if envelope is None else [each * factor for each, factor in zip(found, envelope, strict=True)]


def shared(equation: Equation, fields: Sequence[Tensor], given: Tensor | None, points: Tensor) -> list[Tensor]:
    """Fields (n, P) at points that functions share, the first with what is ``given`` (n, K) of each."""
    first, *others = fields
    return [first if given is None else torch.addmm(first, given, equation.modes(points).T), *others]


def paired(equation: Equation, fields: Sequence[Tensor], given: Tensor | None, points: Tensor) -> list[Tensor]:
    """Fields (N,), each of a function at its own point, the first with what is ``given`` (N, K) of each."""
    first, *others = fields
    return [first if given is None else first + (given * equation.modes(points)).sum(1), *others]
