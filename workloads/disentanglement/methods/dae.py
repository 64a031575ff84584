"""dae: codes become points on circles, and their neighbourhoods are filled in (Cha and Thiyagalingam, ICML 2023)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.records import DIVERGED
from workloads.disentanglement.components import MOST_WEIGHED, singular_values, some_images
from workloads.disentanglement.methods.dae_network import DisentanglingAutoencoder, euler, neighbour_distances
from workloads.disentanglement.normalisation import share_batches
from workloads.disentanglement.task import DisentanglementTask
from workloads.runtime.errors import NonFiniteLossError
from workloads.runtime.task import Batch, Step


class Dae(DisentanglementTask):
    """Images to codes to points on circles to images. The batch's minimum, maximum and neighbours are those of all
    ranks together.
    """

    def build_model(self) -> nn.Module:
        """The network as published for the images' size."""
        return DisentanglingAutoencoder(self.image_shape, self.alpha())

    def alpha(self) -> list[float]:
        """How much each code matters (d,). Raises ValueError."""
        given = self.options["alpha"]
        if given is not None and len(given) != self.latent:
            raise ValueError(f"benchmark.model.alpha has {len(given)} weights; expected {self.latent}, one a code")
        if given is not None:
            return [float(weight) for weight in given]
        singular = singular_values(some_images(self.images, self.seed, MOST_WEIGHED), self.latent)
        shares = (singular / singular[0]).tolist()
        return [1.0 if round(share, 1) >= 1 else float(self.options["small_alpha"]) for share in shares]

    @property
    def noise_width(self) -> int:
        """One number for each code."""
        return self.latent

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Cross-entropy of pixels as Bernoulli variables, mean over pixels and images, nat."""
        network, images = cast(DisentanglingAutoencoder, model), self.to_images(batch)
        share_batches(network, step.add_up)
        codes = network.encoder(images).float()
        of_all = step.together(codes)
        least, span = network.stretch.measure(of_all)
        refuse_constant(span, len(of_all), step)
        stretched = network.stretch((codes - least) / span)
        with torch.no_grad():
            sigma = neighbour_distances(stretched, network.stretch((of_all - least) / span))
        between = stretched + sigma * batch["noise"]
        logits = network.decoder(euler(between)).float()
        return functional.binary_cross_entropy_with_logits(logits, images)

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """Where each image's codes (n, d) lie between the least (0) and the greatest (1) of the data."""
        network = cast(DisentanglingAutoencoder, model)
        stretch = network.stretch
        codes: Tensor = network.encoder(images)
        return (codes.float() - stretch.moving_min) / stretch.moving_mag

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """The pixels' probabilities (n, c, h, w)."""
        network = cast(DisentanglingAutoencoder, model)
        logits: Tensor = network.decoder(euler(network.stretch(codes)))
        return logits.float().sigmoid()


def refuse_constant(span: Tensor, images: int, step: Step) -> None:
    """Raise NonFiniteLossError for a code that is the same for a whole batch: the stretch divides by its range (d,).

    On an accelerator nothing waits to be looked at: there the loss, which is then no number, says it.
    """
    if span.device.type == "cpu" and type(span) is Tensor and not bool((span > 0).all()):
        wrong = [str(number) for number, value in enumerate(span.tolist()) if not value > 0]
        raise NonFiniteLossError(
            f"code {', '.join(wrong)} is the same, or no number, for all {images} images of step {step.number}, and "
            f"the stretch divides by its range: {DIVERGED}; fewer codes (benchmark.model.latent), a larger batch or a "
            f"lower benchmark.training.optimizer.learning_rate may help"
        )
