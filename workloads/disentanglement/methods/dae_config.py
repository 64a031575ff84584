"""What can be set of dae."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.disentanglement.config import Model as Shared


@dataclass
class Model(Shared):
    """``benchmark.model``."""

    alpha: list[float] | None
    """How much each code matters, a weight of each; null: one for each principal component that is as strong as the
    first, to one decimal, and ``small_alpha`` for the others."""
    small_alpha: float
    """Weight of a code that matters less."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        if self.alpha is not None and self.latent is not None and len(self.alpha) != self.latent:
            raise ValueError(f"alpha has {len(self.alpha)} weights; expected latent={self.latent} of them")
