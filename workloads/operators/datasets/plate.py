"""plate: how a plate bends under a load."""

from __future__ import annotations

from workloads.operators.datasets.base import OperatorDataset


class PlateDataset(OperatorDataset):
    """Functions and solutions, made here; a file of others in the same layout is read as ``source=real``."""

    SET = "plate"
