"""What can be set of srgan."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution.config import Network


@dataclass
class Model(Network):
    """``benchmark.model``."""

    blocks: int
    """Residual blocks of the generator; 16 as published."""
    width: int
    """Channels of each; 64 as published."""
    critic_width: int
    """Channels of the critic's first convolution, eight times as many in its last; 64 as published."""
    gradient: float
    """Weight of the gradients' mean absolute error, in place of the published perceptual term."""
    adversarial: float
    """Weight of the critic's judgement; 0.001 as published."""
