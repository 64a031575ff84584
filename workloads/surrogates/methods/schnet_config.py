"""What can be set of schnet."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.surrogates.config import require_more, require_positive


@dataclass
class Model:
    """``benchmark.model``."""

    width: int
    """Features of an atom."""
    interactions: int
    """How often atoms learn of each other."""
    gaussians: int
    """Functions that tell a distance."""
    cutoff: float
    """Distance beyond which atoms do not see each other, Å."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_more("width", self.width, 2)
        require_more("interactions", self.interactions, 1)
        require_more("gaussians", self.gaussians, 2)
        require_positive("cutoff", self.cutoff)
