"""The problems by the names of their data sets."""

from __future__ import annotations

from collections.abc import Mapping

from workloads.operators.problems.base import Problem
from workloads.operators.problems.diffusion_reaction import DiffusionReaction

PROBLEMS: Mapping[str, type[Problem]] = {
    "diffusion_reaction": DiffusionReaction,
}
