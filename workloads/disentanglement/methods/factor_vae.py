"""factor_vae: a discriminator tells codes from codes that were shuffled apart (Kim and Mnih 2018, arXiv:1802.05983)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.disentanglement.methods.variational import Posterior, VariationalTask, divergence
from workloads.disentanglement.networks import Autoencoder
from workloads.runtime.task import Batch, Player, Step

LAYERS, SLOPE = 6, 0.2
"""Hidden layers of the discriminator, and the slope of its leaky ReLU below zero."""


class Rivals(nn.Module):
    """An autoencoder, and the discriminator of its codes (n, d): two logits, "as they came" and "shuffled"."""

    def __init__(self, autoencoder: Autoencoder, latent: int, hidden: int) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        layers: list[nn.Module] = []
        for number in range(LAYERS):
            layers += [nn.Linear(hidden if number else latent, hidden), nn.LeakyReLU(SLOPE, inplace=True)]
        self.discriminator = nn.Sequential(*layers, nn.Linear(hidden, 2))


class FactorVae(VariationalTask):
    """The discriminator's odds estimate the total correlation, which counts gamma times more."""

    def build_model(self) -> nn.Module:
        """The autoencoder, and the discriminator of its codes."""
        return Rivals(cast(Autoencoder, super().build_model()), self.latent, int(self.options["hidden"]))

    @property
    def noise_width(self) -> int:
        """One number to draw each code, and one to shuffle it by."""
        return 2 * self.latent

    def network(self, model: nn.Module) -> Autoencoder:
        """Encoder and decoder."""
        return cast(Rivals, model).autoencoder

    def players(self, model: nn.Module) -> Sequence[Player]:
        """The autoencoder moves first."""
        rivals = cast(Rivals, model)
        return [
            Player("autoencoder", rivals.autoencoder, self.loss),
            Player("discriminator", rivals.discriminator, self.tell_apart),
        ]

    def penalty(self, model: nn.Module, posterior: Posterior, step: Step) -> Tensor:
        """KL + gamma · TC, the total correlation as the discriminator sees it."""
        logits: Tensor = cast(Rivals, model).discriminator(posterior.sample).float()
        total_correlation = (logits[:, 0] - logits[:, 1]).mean()
        return divergence(posterior) + float(self.options["gamma"]) * total_correlation

    def tell_apart(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Cross-entropy of codes and of as many that were shuffled over all ranks, code by code."""
        with torch.no_grad():
            codes = self.posterior(model, batch).sample
            apart = shuffled(codes, batch["noise"][:, self.latent :], step)
        logits = cast(Rivals, model).discriminator(torch.cat((codes, apart))).float()
        kinds = torch.arange(2, device=logits.device).repeat_interleave(len(codes))
        return functional.cross_entropy(logits, kinds)


def shuffled(codes: Tensor, keys: Tensor, step: Step) -> Tensor:
    """Codes (n, d), each column permuted over the rows of all ranks: to row i comes the row whose place is that of
    ``keys``' (n, d) row i in the order of all ranks' keys. The same for any number of ranks.
    """
    whole, all_keys = step.together(torch.cat((codes, keys), dim=1)).chunk(2, dim=1)
    places = (all_keys[None] < keys[:, None]).sum(dim=1)
    # A rank without samples shuffles a stranger's, which is none of the rows.
    return whole.gather(0, places.clamp_max(len(whole) - 1))
