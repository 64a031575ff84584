"""w_xxxx + 2 w_xxyy + w_yyyy = q / D."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from workloads.operators.derivatives import Derivatives
from workloads.operators.equations.base import Equation


class Plate(Equation):
    """Fourth order. Deflections are zero at the edges by the fields' form."""

    def residuals(self, field: Derivatives, source: Tensor | None) -> list[Tensor]:
        """One equation; ``source`` is q / D."""
        assert source is not None
        return [field.combine({(0, (4, 0)): 1.0, (0, (2, 2)): 2.0, (0, (0, 4)): 1.0}) - source]

    def envelope(self, points: Tensor) -> Sequence[Tensor]:
        """sin(π x) sin(π y)."""
        # A product over a dimension has derivatives of many times the operations.
        x, y = torch.sin(math.pi * points).unbind(1)
        return [x * y]
