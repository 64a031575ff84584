"""Principal components of images: what pca finds, and what dae weighs its codes by."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.sampleset import SampleSet

MOST_IMAGES = 1024
"""They are found from at most so many images, drawn at random: their Gram matrix then takes a second."""
MOST_WEIGHED = 8192
"""Singular values are, and these are enough that two which are equal by symmetry differ by less than 5 %."""


def some_images(samples: SampleSet, seed: int, most: int = MOST_IMAGES) -> Tensor:
    """At most ``most`` of a set's images as rows of pixels in [0, 1], (n, c · h · w) float32."""
    count = min(len(samples), most)
    chosen = np.sort(np.random.default_rng(seed).choice(len(samples), count, replace=False))
    images = samples.read(chosen)["image"].reshape(count, -1)
    return torch.from_numpy(images.astype(np.float32) / (255 if images.dtype == np.uint8 else 1))


def principal_components(rows: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean (p,), first components (p, count) and their singular values (count,) of rows (n, p), by their Gram matrix.

    Raises DatasetError where there are fewer rows than components.
    """
    require_more_than(count, rows)
    mean = rows.mean(dim=0)
    centred = (rows - mean).double()
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    singular = values[-count:].flip(0).clamp_min(0).sqrt()
    components = centred.T @ vectors[:, -count:].flip(1) / singular.clamp_min(1e-12)
    return mean, components.float(), singular.float()


def singular_values(rows: Tensor, count: int) -> Tensor:
    """The first singular values (count,) of rows (n, p) about their mean, by randomised subspace iteration (Halko,
    Martinsson and Tropp 2011, doi:10.1137/090771806), which draws the same numbers every time.

    Raises DatasetError where there are fewer rows than values.
    """
    require_more_than(count, rows)
    centred = rows - rows.mean(dim=0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, values, _ = torch.svd_lowrank(centred, q=min(count + 10, *centred.shape), niter=4)
    return values[:count]


def require_more_than(count: int, rows: Tensor) -> None:
    """Raise DatasetError unless there are more rows than components."""
    if len(rows) <= count:
        raise DatasetError(
            f"benchmark.model.latent is {count}, but there are {len(rows)} images to find principal components of: "
            f"at most {len(rows) - 1} codes, or more images"
        )
