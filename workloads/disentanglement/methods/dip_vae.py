"""dip_vae_i and dip_vae_ii: the codes' covariance over the data is pressed towards the identity (Kumar et al. 2018,
arXiv:1711.00848).
"""

from __future__ import annotations

from torch import Tensor, nn

from workloads.disentanglement.methods.variational import Posterior, VariationalTask, divergence
from workloads.runtime.task import Step


class DipVaeI(VariationalTask):
    """The covariance of the means."""

    def penalty(self, model: nn.Module, posterior: Posterior, step: Step) -> Tensor:
        """KL + off_diagonal · sum of C_ij² + diagonal · sum of (C_ii - 1)², C over the global batch."""
        covariance = self.covariance(posterior.together(step))
        diagonal = covariance.diagonal()
        apart = covariance.square().sum() - diagonal.square().sum()
        spread = (diagonal - 1).square().sum()
        weights = float(self.options["off_diagonal"]), float(self.options["diagonal"])
        return divergence(posterior) + weights[0] * apart + weights[1] * spread

    def covariance(self, batch: Posterior) -> Tensor:
        """(d, d), of the codes' means over the batch; divided by N, as published."""
        centred = batch.mean - batch.mean.mean(dim=0)
        return centred.T @ centred / len(centred)


class DipVaeII(DipVaeI):
    """The covariance of the codes themselves."""

    def covariance(self, batch: Posterior) -> Tensor:
        """(d, d): that of the means, and the mean variances on the diagonal."""
        return super().covariance(batch) + batch.log_variance.exp().mean(dim=0).diag()
