"""The problems by the names of their data sets."""

from __future__ import annotations

from collections.abc import Mapping

from workloads.operators.problems.base import Problem
from workloads.operators.problems.diffusion_reaction import DiffusionReaction
from workloads.operators.problems.periodic import Burgers, KortewegDeVries
from workloads.operators.problems.plate import Plate
from workloads.operators.problems.stokes import Stokes

PROBLEMS: Mapping[str, type[Problem]] = {
    "burgers": Burgers,
    "diffusion_reaction": DiffusionReaction,
    "kdv": KortewegDeVries,
    "plate": Plate,
    "stokes": Stokes,
}
