"""The equations by the names of their data sets."""

from __future__ import annotations

from collections.abc import Mapping

from workloads.operators.equations.base import Equation
from workloads.operators.equations.diffusion_reaction import DiffusionReaction
from workloads.operators.equations.periodic import Burgers, KortewegDeVries
from workloads.operators.equations.plate import Plate
from workloads.operators.equations.stokes import Stokes

EQUATIONS: Mapping[str, type[Equation]] = {
    "burgers": Burgers,
    "diffusion_reaction": DiffusionReaction,
    "kdv": KortewegDeVries,
    "plate": Plate,
    "stokes": Stokes,
}
