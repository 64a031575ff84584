"""affinity_vae: codes of what an image shows apart from its pose (Mirecka et al. 2022, arXiv:2209.04517)."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.rotations.invariants import invariant_features
from workloads.rotations.quality import to_images
from workloads.rotations.samples import WithAngles
from workloads.rotations.task import Disc, RotationsTask
from workloads.rotations.turning import see_disc, turn_each
from workloads.runtime.task import Batch, Player, SampleSet, Step

RINGS, FREQUENCIES = 8, 4
"""Of the features that classes are compared by."""


class Encoder(nn.Module):
    """Images (n, c, h, w) to mean (n, d), log variance (n, d) and pose (n, p)."""

    def __init__(self, shape: Sequence[int], options: Mapping[str, Any], sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = list(sizes)
        layers: list[nn.Module] = []
        before, side = shape[0], shape[1]
        for number, (after, kernel) in enumerate(zip(options["fields"], options["kernels"], strict=True), start=1):
            layers += [nn.Conv2d(before, after, kernel, padding=kernel // 2), nn.ReLU(inplace=True)]
            before = after
            if number in options["halved_after"]:
                layers.append(nn.AvgPool2d(2))
                side //= 2
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side**2, sum(sizes)))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What is known of each image."""
        mean, log_variance, pose = self.layers(images).float().split(self.sizes, dim=1)
        return mean, log_variance, pose


class Decoder(nn.Module):
    """Codes and poses (n, d + p) to the logits of images (n, c, h, w): the encoder's layers backwards."""

    def __init__(self, shape: Sequence[int], options: Mapping[str, Any], codes: int) -> None:
        super().__init__()
        sides = [shape[1]]
        for number in range(1, len(options["fields"]) + 1):
            sides.append(sides[-1] // 2 if number in options["halved_after"] else sides[-1])
        fields = [shape[0], *options["fields"]]
        self.first = (fields[-1], sides[-1], sides[-1])
        self.widen = nn.Linear(codes, fields[-1] * sides[-1] ** 2)
        self.sides = sides[-2::-1]
        self.layers = nn.ModuleList(
            nn.Conv2d(fields[number + 1], fields[number], kernel, padding=kernel // 2)
            for number, kernel in reversed(list(enumerate(options["kernels"])))
        )

    def forward(self, codes: Tensor) -> Tensor:
        """The logits."""
        maps = self.widen(codes).unflatten(1, self.first)
        for side, layer in zip(self.sides, self.layers, strict=True):
            maps = layer(functional.interpolate(maps.relu(), size=(side, side)))
        return cast(Tensor, maps)


class Autoencoder(nn.Module):
    """Encoder and decoder."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder


class Coded(nn.Module):
    """An autoencoder, and a linear classifier of the means of its codes: scores (n, classes) of images."""

    affinity: Tensor

    def __init__(self, autoencoder: Autoencoder, latent: int, affinity: Tensor) -> None:
        """``affinity`` (classes, classes): how alike classes are, from −1 to 1."""
        super().__init__()
        self.autoencoder, self.classify = autoencoder, nn.Linear(latent, len(affinity))
        self.register_buffer("affinity", affinity)

    def forward(self, images: Tensor) -> Tensor:
        """Scores of each class. The autoencoder learns nothing from them."""
        scores: Tensor = self.classify(self.autoencoder.encoder(images)[0].detach())
        return scores


class AffinityVae(RotationsTask):
    """Trained on images at angles that are drawn anew in every epoch, which its poses are to take up."""

    @property
    def latent(self) -> int:
        """Codes of what is shown."""
        return int(self.settings["model"]["latent"])

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """The images, each with an angle, and a number to draw each code by."""
        return WithAngles(self.images, self.seed, self.latent)

    def build_network(self) -> nn.Module:
        """The autoencoder with its classifier."""
        options, pose = self.settings["model"], int(self.settings["model"]["pose"])
        encoder = Encoder(self.shape, options, (self.latent, self.latent, pose))
        autoencoder = Autoencoder(encoder, Decoder(self.shape, options, self.latent + pose))
        return Coded(autoencoder, self.latent, self.affinity())

    def affinity(self) -> Tensor:
        """How alike classes are: the cosine of their mean invariant features, the mean over all images taken out."""
        images, labels = self.some_images()
        features = invariant_features(images, RINGS, FREQUENCIES)
        deviation, mean = torch.std_mean(features, dim=0)
        standard = (features - mean) / deviation.clamp_min(1e-6)
        means = [standard[labels == label].mean(0) for label in range(len(self.classes))]
        # A class that is not among the images is like no other.
        directions = functional.normalize(torch.stack(means).nan_to_num(), dim=1)
        return directions @ directions.T

    def players(self, model: nn.Module) -> Sequence[Player]:
        """The autoencoder moves first; the classifier follows its codes."""
        coded = cast(Coded, cast(Disc, model).network)
        return [
            Player("autoencoder", coded.autoencoder, self.loss),
            Player("classifier", coded.classify, self.tell_classes),
        ]

    def training_images(self, batch: Batch) -> Tensor:
        """The images, turned bilinearly."""
        return turn_each(to_images(batch), batch["degrees"])

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Cross-entropy of pixels, mean over them, with β KL and γ of the affinities' mean absolute error."""
        coded, options = cast(Coded, cast(Disc, model).network), self.settings["model"]
        images = see_disc(self.training_images(batch))
        mean, log_variance, pose = coded.autoencoder.encoder(images)
        sample = mean + batch["noise"] * (0.5 * log_variance).exp()
        logits = coded.autoencoder.decoder(torch.cat((sample, pose), dim=1)).float()
        rebuilt = functional.binary_cross_entropy_with_logits(logits, images)
        divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1).mean()
        unlike = affinity_error(step.together(mean), step.together(batch["label"]), coded.affinity)
        total: Tensor = rebuilt + float(options["beta"]) * divergence + float(options["gamma"]) * unlike
        return total

    def tell_classes(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Cross-entropy of the classes told from codes."""
        return functional.cross_entropy(model(self.training_images(batch)).float(), batch["label"])


def affinity_error(codes: Tensor, labels: Tensor, affinity: Tensor) -> Tensor:
    """The mean over all pairs of images of |cos(codes) − affinity of their classes|, 0 of a single image; codes (n, d),
    labels (n,).
    """
    if len(codes) < 2:
        # Other ranks may wait for the gradients of the rows, so that they stay part of the loss.
        return 0 * codes.sum()
    first, second = torch.triu_indices(len(codes), len(codes), 1, device=codes.device)
    alike = functional.cosine_similarity(codes[first], codes[second], dim=1)
    error: Tensor = (alike - affinity[labels[first], labels[second]]).abs().mean()
    return error
