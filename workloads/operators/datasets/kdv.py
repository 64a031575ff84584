"""kdv: what becomes of a velocity that breaks into solitons, which viscosity wears down."""

from __future__ import annotations

from workloads.operators.datasets.base import OperatorDataset


class KdvDataset(OperatorDataset):
    """Functions and solutions, made here; a file of others in the same layout is read as ``source=real``."""

    SET = "kdv"
