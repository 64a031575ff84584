"""What must hold of a network's field: an equation, and what a network is made to fulfil by its form."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from workloads.operators.derivatives import Derivatives


class Equation(ABC):
    """One partial differential equation with its conditions. Fields have the problem's OUTPUTS."""

    FEATURES: ClassVar[int] = 2
    """What a point becomes for the network."""

    def __init__(self, parameters: Mapping[str, float], hard: bool = False) -> None:
        """``parameters`` are the problem's. ``hard``: fields fulfil all conditions by their form; else those alone that
        do as published.
        """
        self.parameters, self.hard = dict(parameters), hard

    @abstractmethod
    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """What is zero where the equations hold, (n, R) each, of n functions' fields at R points. ``source`` (n, R) is
        the functions' values there, where the equation has any.
        """

    def features(self, points: Tensor) -> Tensor:
        """What the network sees (P, FEATURES) of points (P, 2)."""
        return points

    def envelope(self, points: Tensor) -> Sequence[Tensor] | None:
        """What each of a network's outputs is multiplied by at points, (P,), so that conditions hold by themselves."""
        return None

    def given(self, sensors: Tensor) -> Tensor | None:
        """What is known of the first output's field for functions (n, S), so that conditions hold by themselves: the
        field gets these numbers (n, K) times the ``modes``. None: nothing.
        """
        return None

    def modes(self, points: Tensor) -> Tensor:
        """What the ``given`` numbers are multiplied by at points, (P, K)."""
        raise NotImplementedError
