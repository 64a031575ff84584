"""What can be set of affinity_vae."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.rotations import config


@dataclass
class Model(config.Model):
    """``benchmark.model``. Fields, kernels and halves are the encoder's; the decoder has them backwards."""

    latent: int
    """Codes of what an image shows."""
    pose: int
    """Numbers that the decoder gets besides, of how it lies."""
    beta: float
    """Weight of the codes' divergence from the standard normal distribution, nat."""
    gamma: float
    """Weight of the affinities' mean absolute error."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        for option in ("latent", "pose"):
            if getattr(self, option) < 1:
                raise ValueError(f"{option} is {getattr(self, option)}; expected 1 or more")
        for option in ("beta", "gamma"):
            if getattr(self, option) < 0:
                raise ValueError(f"{option} is {getattr(self, option)}; expected 0 or more")
