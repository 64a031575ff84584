"""Partial derivatives of n functions' fields at P points, three ways to the same numbers.

All are reverse-mode automatic differentiation, with graphs, so that a loss of derivatives can be differentiated by the
network's weights. They differ in what is a leaf of the graph, and so in how often it is gone through and how large it
becomes: see README.md.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
from torch import Tensor

Order = tuple[int, ...]
"""How often to differentiate by each coordinate."""
Terms = Mapping[tuple[int, Order], float]
"""A linear combination of derivatives: the coefficient of each, by output and order."""


class Field(Protocol):
    """What makes fields of functions, output by output: what is differentiated of one does not pass through others."""

    def separate(self, sensors: Tensor, points: Tensor) -> Sequence[Tensor]:
        """Each output's field (n, P) of functions (n, S) at points (P, d) that they share."""

    def aligned(self, sensors: Tensor, points: Tensor) -> Sequence[Tensor]:
        """Each output's field (N,) of functions (N, S), each at its own one of the points (N, d)."""


class Derivatives(ABC):
    """The fields of n functions at P shared points, and derivatives of them at the first R."""

    values: Sequence[Tensor]
    """Each output's field at the first R points, (n, R)."""
    everywhere: Sequence[Tensor]
    """Each output's field at all points, (n, P)."""

    @abstractmethod
    def __init__(self, field: Field, sensors: Tensor, points: Tensor, count: int) -> None:
        """Of a field for functions (n, S) at points (P, d), of which the first R = ``count`` have derivatives."""

    @abstractmethod
    def combine(self, terms: Terms) -> Tensor:
        """The linear combination of derivatives, (n, R). Each has an order of one at least."""


class ZeroCoordinateShift(Derivatives):
    """By one number z_d that is added to coordinate d of all points: Leng et al. 2024, doi:10.1016/j.jcp.2024.112904.

    With weights a of ones, d/da d/dz of sum(a u(x + z)) is u's derivative at every point of every function. All but
    the last derivative are by a few numbers, and the last, by a, is taken once for a linear combination.
    """

    def __init__(self, field: Field, sensors: Tensor, points: Tensor, count: int) -> None:
        self.shifts = [points.new_zeros(()).requires_grad_() for _ in range(points.shape[1])]
        self.everywhere = field.separate(sensors, points + torch.stack(self.shifts))
        self.values = [each[:, :count] for each in self.everywhere]
        self.weights = torch.ones_like(self.values[0]).requires_grad_()
        self.sums: dict[tuple[int, Order], Tensor] = {}
        """Derivatives of the weighted sums by the shifts, numbers."""

    def combine(self, terms: Terms) -> Tensor:
        """The derivative by the weights of the combined sums."""
        combined = torch.stack([factor * self.sum_of(output, order) for (output, order), factor in terms.items()]).sum()
        return torch.autograd.grad(combined, self.weights, create_graph=True)[0]

    def sum_of(self, output: int, order: Order) -> Tensor:
        """The weighted sum's derivative of that order. Those of one order more by each coordinate come together."""
        if (output, order) not in self.sums:
            if not any(order):
                self.sums[output, order] = (self.values[output] * self.weights).sum()
            else:
                lower, _ = lowered(order)
                higher = torch.autograd.grad(self.sum_of(output, lower), self.shifts, create_graph=True)
                for coordinate, value in enumerate(higher):
                    self.sums.setdefault((output, raised(lower, coordinate)), value)
        return self.sums[output, order]


class Nested:
    """Derivatives (N,) of each output's values (N,) that depend on points (N, d) row by row."""

    def __init__(self, values: Sequence[Tensor], points: Tensor) -> None:
        self.values, self.points = values, points
        self.known: dict[tuple[int, Order], Tensor] = {}

    def combine(self, terms: Terms) -> Tensor:
        """The linear combination, (N,)."""
        return torch.stack([factor * self.partial(output, order) for (output, order), factor in terms.items()]).sum(0)

    def partial(self, output: int, order: Order) -> Tensor:
        """The derivative of that order, (N,). Those of one order more by each coordinate come together."""
        if (output, order) not in self.known:
            if not any(order):
                return self.values[output]
            lower, _ = lowered(order)
            (higher,) = torch.autograd.grad(self.partial(output, lower).sum(), self.points, create_graph=True)
            for coordinate, column in enumerate(higher.unbind(1)):
                self.known.setdefault((output, raised(lower, coordinate)), column)
        return self.known[output, order]


class FunctionLoop(Derivatives):
    """One function after the other, by the coordinates of all points."""

    def __init__(self, field: Field, sensors: Tensor, points: Tensor, count: int) -> None:
        leaf = points.detach().requires_grad_()
        self.count = count
        self.everywhere = field.separate(sensors, leaf)
        self.values = [each[:, :count] for each in self.everywhere]
        self.each = [Nested(values, leaf) for values in zip(*self.everywhere, strict=True)]

    def combine(self, terms: Terms) -> Tensor:
        """Each function's, one below the other."""
        return torch.stack([nested.combine(terms)[: self.count] for nested in self.each])


class DataVectorised(Derivatives):
    """All functions at once, by the coordinates of as many copies of the points as there are functions."""

    def __init__(self, field: Field, sensors: Tensor, points: Tensor, count: int) -> None:
        self.shape = (len(sensors), len(points))
        self.count = count
        leaf = points.detach().repeat(len(sensors), 1).requires_grad_()
        values = field.aligned(sensors.repeat_interleave(len(points), dim=0), leaf)
        self.everywhere = [each.view(self.shape) for each in values]
        self.values = [each[:, :count] for each in self.everywhere]
        self.nested = Nested(values, leaf)

    def combine(self, terms: Terms) -> Tensor:
        """All functions' as one column, in rows again."""
        column = self.nested.combine(terms)
        return column.view(self.shape)[:, : self.count]


def lowered(order: Order) -> tuple[Order, int]:
    """The order that its last derivative is taken of, and by which coordinate: of mixed ones, by the last."""
    coordinate = max(place for place, times in enumerate(order) if times)
    return replaced(order, coordinate, -1), coordinate


def raised(order: Order, coordinate: int) -> Order:
    """The order with one derivative more."""
    return replaced(order, coordinate, 1)


def replaced(order: Sequence[int], coordinate: int, change: int) -> Order:
    """The order with another number at a coordinate."""
    return (*order[:coordinate], order[coordinate] + change, *order[coordinate + 1 :])
