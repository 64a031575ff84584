"""stokes: slow flow in a square under a lid."""

from __future__ import annotations

from workloads.operators.datasets.base import OperatorDataset


class StokesDataset(OperatorDataset):
    """Functions and solutions, made here; a file of others in the same layout is read as ``source=real``."""

    SET = "stokes"
