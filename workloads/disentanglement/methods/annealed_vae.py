"""annealed_vae: codes may say more and more of an image (Burgess et al. 2018, arXiv:1804.03599)."""

from __future__ import annotations

from torch import Tensor, nn

from workloads.disentanglement.methods.variational import Posterior, VariationalTask, divergence
from workloads.runtime.task import Step


class AnnealedVae(VariationalTask):
    """The divergence is held to a capacity, which rises from nothing."""

    def penalty(self, model: nn.Module, posterior: Posterior, step: Step) -> Tensor:
        """Gamma · |KL - C|, KL over the global batch, where C rises in a line and then stays."""
        risen = min(1.0, step.number / max(1.0, float(self.options["rise"]) * step.of))
        # The distance of a mean is not the mean of ranks' distances.
        apart = divergence(posterior.together(step)) - float(self.options["capacity"]) * risen
        return float(self.options["gamma"]) * apart.abs()
