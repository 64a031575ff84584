"""diffusion_reaction: the solution's course for a source that stays."""

from __future__ import annotations

from workloads.operators.datasets.base import OperatorDataset


class DiffusionReactionDataset(OperatorDataset):
    """Functions and solutions, made here; a file of others in the same layout is read as ``source=real``."""

    SET = "diffusion_reaction"
