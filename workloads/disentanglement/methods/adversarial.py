"""What the adversarial methods share: a discriminator tells images from made ones."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def fooled(logits: Tensor) -> Tensor:
    """-log of the probability that made images (n,) are taken for real, mean, nat (Goodfellow et al. 2014)."""
    return functional.binary_cross_entropy_with_logits(logits.float(), torch.ones_like(logits, dtype=torch.float32))


def told_apart(real: Tensor, made: Tensor) -> Tensor:
    """-log of the probability that real images (n,) are taken for real and made ones (m,) for made: the means' sum."""
    return fooled(real) + fooled(-made)


def uniform(normal: Tensor) -> Tensor:
    """Uniform numbers in (-1, 1) of standard normal ones."""
    return torch.erf(normal / 2**0.5)
