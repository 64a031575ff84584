"""function_loop: one function after the other, as physics-informed DeepONets were published."""

from __future__ import annotations

from workloads.operators import derivatives
from workloads.operators.task import OperatorTask


class FunctionLoop(OperatorTask):
    """See derivatives.FunctionLoop."""

    differentiation = derivatives.FunctionLoop
