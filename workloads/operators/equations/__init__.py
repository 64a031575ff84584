"""The equations by the names of their data sets."""

from __future__ import annotations

from collections.abc import Mapping

from workloads.operators.equations.base import Equation
from workloads.operators.equations.diffusion_reaction import DiffusionReaction

EQUATIONS: Mapping[str, type[Equation]] = {
    "diffusion_reaction": DiffusionReaction,
}
