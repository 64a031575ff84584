"""beta_vae: a variational autoencoder whose codes are pressed towards the prior (Higgins et al., ICLR 2017)."""

from __future__ import annotations

from torch import Tensor

from workloads.disentanglement.methods.variational import Posterior, VariationalTask, divergence
from workloads.runtime.task import Step


class BetaVae(VariationalTask):
    """Adds beta times the divergence to the reconstruction's error."""

    def penalty(self, posterior: Posterior, step: Step) -> Tensor:
        """Beta · KL, nat."""
        return float(self.options["beta"]) * divergence(posterior).mean()
