"""beta_vae: codes are pressed towards the prior, and so towards independence (Higgins et al., ICLR 2017)."""

from __future__ import annotations

from torch import Tensor, nn

from workloads.disentanglement.methods.variational import Posterior, VariationalTask, divergence
from workloads.runtime.task import Step


class BetaVae(VariationalTask):
    """The divergence counts beta times; beta 1 is ``vae``."""

    def penalty(self, model: nn.Module, posterior: Posterior, step: Step) -> Tensor:
        """Beta · KL."""
        return float(self.options["beta"]) * divergence(posterior)
