"""pca: principal components, the floor that every method should be above (Pearson 1901)."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from workloads.disentanglement.components import principal_components, some_images
from workloads.disentanglement.task import DisentanglementTask
from workloads.runtime.task import Batch, Step


class LinearCoder(nn.Module):
    """Codes are projections on components (p, d), images their sums about the ``mean`` (p,)."""

    mean: Tensor

    def __init__(self, mean: Tensor, components: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.components = nn.Parameter(components)

    def forward(self, rows: Tensor) -> Tensor:
        """Pixels (n, p) to codes (n, d)."""
        return (rows - self.mean) @ self.components


class Pca(DisentanglementTask):
    """The components of some images, which training then moves down the reconstruction's error of all: its least value
    is where they span the same space as the components of all.
    """

    noise_width = 0

    def build_model(self) -> nn.Module:
        """The principal components of some images."""
        mean, components, _ = principal_components(some_images(self.images, self.seed), self.latent)
        return LinearCoder(mean, components)

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Squared error, summed over pixels, mean over images."""
        coder, rows = cast(LinearCoder, model), self.to_images(batch).flatten(1)
        rebuilt: Tensor = coder.mean + coder(rows) @ coder.components.T
        return (rebuilt - rows).square().sum(dim=1).mean()

    def encode(self, model: nn.Module, images: Tensor) -> Tensor:
        """The projections (n, d)."""
        codes: Tensor = model(images.flatten(1))
        return codes.float()

    def decode(self, model: nn.Module, codes: Tensor) -> Tensor:
        """The sums of components (n, c, h, w), cut to [0, 1]."""
        coder = cast(LinearCoder, model)
        rows: Tensor = coder.mean + codes @ coder.components.T
        return rows.reshape(-1, *self.image_shape).clamp(0, 1)
