"""A score of the decoder alone, without factors: do its codes move an image in directions of their own?"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from workloads.disentanglement.scores.samples import nothing

SAMPLES = 256
"""Codes that are enough for it."""
STILL = 1e-6
"""A code that moves an image less than this part of what the strongest does is taken not to move it."""


def orthogonality(decode: Callable[[Tensor], Tensor], codes: Tensor, alive: Callable[[], None] = nothing) -> float:
    """Return the mean over samples and pairs i < j of codes of cos^2 of the angle between the columns dx/dz_i and
    dx/dz_j of the decoder's Jacobian, at ``codes`` (n, d): 0 where all are orthogonal, 1 where all are parallel.

    ``decode`` takes codes (n, d) to images (n, ...), each sample for itself: batch norm is in evaluation mode. It is
    differentiated, and so not in torch.inference_mode. A pair of which one code moves nothing has no
    angle and does not count; without any pair the score is not a number. ``alive`` is called after each code.
    """
    jacobian = jacobian_of(decode, codes, alive).flatten(2).double()
    lengths = jacobian.norm(dim=2, keepdim=True)
    moves = (lengths > STILL * lengths.amax(dim=1, keepdim=True))[:, :, 0]
    unit = jacobian / lengths.where(moves[..., None], torch.ones_like(lengths))
    cosines = (unit @ unit.transpose(1, 2)).square()
    one, other = torch.triu_indices(codes.shape[1], codes.shape[1], offset=1, device=codes.device)
    counted = moves[:, one] & moves[:, other]
    return float(cosines[:, one, other][counted].mean())


def jacobian_of(decode: Callable[[Tensor], Tensor], codes: Tensor, alive: Callable[[], None] = nothing) -> Tensor:
    """Return dx/dz (n, d, ...) of images x = decode(z) of codes z (n, d).

    J^T w is linear in w, so that its derivative with respect to w is J: one backward pass to get it and one for each
    code. Forward differentiation takes as long, and a second and more to load what torch keeps for it.
    """
    with torch.enable_grad():
        at = codes.detach().requires_grad_()
        images = decode(at)
        weights = torch.zeros_like(images, requires_grad=True)
        (pulled,) = torch.autograd.grad(images, at, weights, create_graph=True)
        columns = []
        for place in range(codes.shape[1]):
            direction = torch.zeros_like(codes)
            direction[:, place] = 1
            columns.append(torch.autograd.grad(pulled, weights, direction, retain_graph=True)[0])
            alive()
    return torch.stack(columns, dim=1)
