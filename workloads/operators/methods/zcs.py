"""zcs: zero coordinate shift, a few numbers for all functions and points."""

from __future__ import annotations

from workloads.operators import derivatives
from workloads.operators.task import OperatorTask


class Zcs(OperatorTask):
    """See derivatives.ZeroCoordinateShift."""

    differentiation = derivatives.ZeroCoordinateShift
