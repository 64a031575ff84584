"""data_vectorised: all functions at once, each with its own copy of the points."""

from __future__ import annotations

from workloads.operators import derivatives
from workloads.operators.task import OperatorTask


class DataVectorised(OperatorTask):
    """See derivatives.DataVectorised."""

    differentiation = derivatives.DataVectorised
