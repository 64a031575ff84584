"""What all variational autoencoders here share; they differ by their penalty."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from workloads.disentanglement.networks import Autoencoder
from workloads.disentanglement.task import DisentanglementTask
from workloads.runtime.task import Batch, Step


@dataclass(frozen=True)
class Posterior:
    """What an encoder says of each image's codes, independent normal distributions, and a draw of each. All (n, d)."""

    mean: Tensor
    log_variance: Tensor
    sample: Tensor


class VariationalTask(DisentanglementTask):
    """Images (n, c, h, w) in [0, 1] through normally distributed codes (n, d)."""

    def build_model(self) -> nn.Module:
        """Encoder to means and log variances, decoder to logits of the pixels."""
        return Autoencoder(self.image_shape, self.latent, 2 * self.latent)

    @property
    def noise_width(self) -> int:
        """One number for each code."""
        return self.latent

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Reconstruction and penalty, nat per image."""
        images = self.to_images(batch)
        network = cast(Autoencoder, model)
        mean, log_variance = network.encoder(images).float().chunk(2, dim=1)
        sample = mean + batch["noise"] * (0.5 * log_variance).exp()
        logits = network.decoder(sample).float()
        return reconstruction_error(logits, images) + self.penalty(Posterior(mean, log_variance, sample), step)

    @abstractmethod
    def penalty(self, posterior: Posterior, step: Step) -> Tensor:
        """What is added to the reconstruction's error, nat per image: the mean over this rank's images."""

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """The means of the codes (n, d)."""
        means: Tensor = cast(Autoencoder, model).encoder(images).float()[:, : self.latent]
        return means

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """The images (n, c, h, w) that codes stand for."""
        logits: Tensor = cast(Autoencoder, model).decoder(codes)
        return logits.float().sigmoid()


def reconstruction_error(logits: Tensor, images: Tensor) -> Tensor:
    """Cross-entropy of pixels as Bernoulli variables, summed over an image's pixels, mean over images, nat."""
    return functional.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


def divergence(posterior: Posterior) -> Tensor:
    """Kullback-Leibler divergence (n,) from the standard normal prior, nat (Kingma and Welling 2014, appendix B)."""
    mean, log_variance = posterior.mean, posterior.log_variance
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1)
