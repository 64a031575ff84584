"""What all variational autoencoders here share; they differ by their penalty."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.disentanglement.networks import NETWORKS, Autoencoder
from workloads.disentanglement.task import DisentanglementTask
from workloads.runtime.task import Batch, Step


@dataclass(frozen=True)
class Posterior:
    """What an encoder says of each image's codes, independent normal distributions, and a draw of each. All (n, d)."""

    mean: Tensor
    log_variance: Tensor
    sample: Tensor

    def together(self, step: Step) -> Posterior:
        """Those of all ranks' images, (N, d)."""
        rows = step.together(torch.cat((self.mean, self.log_variance, self.sample), dim=1))
        return Posterior(*rows.chunk(3, dim=1))


class VariationalTask(DisentanglementTask):
    """Images through normally distributed codes, and back (Kingma and Welling 2014, arXiv:1312.6114)."""

    def build_model(self) -> nn.Module:
        """Encoder to means and log variances, decoder to logits of the pixels."""
        return NETWORKS[self.options["network"]](self.image_shape, self.latent, 2 * self.latent)

    @property
    def noise_width(self) -> int:
        """One number for each code."""
        return self.latent

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Reconstruction and penalty, nat per image."""
        posterior = self.posterior(model, batch)
        logits = self.network(model).decoder(posterior.sample)
        return reconstruction_error(logits, self.to_images(batch)) + self.penalty(model, posterior, step)

    def network(self, model: nn.Module) -> Autoencoder:
        """Encoder and decoder."""
        return cast(Autoencoder, model)

    def posterior(self, model: nn.Module, batch: Batch) -> Posterior:
        """What the encoder says of a batch's images, with the draw that the batch's noise makes."""
        mean, log_variance = self.network(model).encoder(self.to_images(batch)).float().chunk(2, dim=1)
        noise = batch["noise"][:, : self.latent]
        return Posterior(mean, log_variance, mean + noise * (0.5 * log_variance).exp())

    @abstractmethod
    def penalty(self, model: nn.Module, posterior: Posterior, step: Step) -> Tensor:
        """What is added to the reconstruction's error, nat per image: a scalar."""

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """The means of the codes (n, d)."""
        means: Tensor = self.network(model).encoder(images).float()[:, : self.latent]
        return means

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """The pixels' probabilities (n, c, h, w)."""
        logits: Tensor = self.network(model).decoder(codes)
        return logits.float().sigmoid()


def reconstruction_error(logits: Tensor, images: Tensor) -> Tensor:
    """Cross-entropy of pixels as Bernoulli variables, summed over an image's pixels, mean over images, nat."""
    return functional.binary_cross_entropy_with_logits(logits.float(), images, reduction="sum") / len(images)


def divergence(posterior: Posterior) -> Tensor:
    """Kullback-Leibler divergence from the standard normal prior, mean over images, nat (Kingma and Welling 2014,
    appendix B).
    """
    mean, log_variance = posterior.mean, posterior.log_variance
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1).mean()
