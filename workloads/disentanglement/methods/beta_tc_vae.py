"""beta_tc_vae: of the divergence, only what makes codes depend on each other counts more (Chen et al. 2018,
arXiv:1802.04942).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from workloads.disentanglement.methods.variational import Posterior, VariationalTask, divergence
from workloads.runtime.task import Step


class BetaTcVae(VariationalTask):
    """The total correlation counts beta times, the rest of the divergence once."""

    def penalty(self, model: nn.Module, posterior: Posterior, step: Step) -> Tensor:
        """KL + (beta - 1) · TC, the total correlation estimated with the global batch."""
        beta = float(self.options["beta"])
        return divergence(posterior) + (beta - 1) * total_correlation(posterior.sample, posterior.together(step))


def total_correlation(sample: Tensor, batch: Posterior) -> Tensor:
    """Mean over draws (n, d) of log q(z) - sum_j log q(z_j), where q is the mean over the batch's (N, d) distributions.

    Constants that depend on N and the size of the data set alone are left out, as disentanglement_lib does: the value
    is biased by the batch size, its gradient is the published one.
    """
    mean, log_variance = batch.mean[None], batch.log_variance[None]
    log_density = -0.5 * (
        (sample[:, None] - mean).square() * (-log_variance).exp() + log_variance + math.log(2 * math.pi)
    )  # (n, N, d)
    joint = torch.logsumexp(log_density.sum(dim=2), dim=1)
    each = torch.logsumexp(log_density, dim=1).sum(dim=1)
    return (joint - each).mean()
