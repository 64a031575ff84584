"""nearest, bicubic, lanczos: what no network may be worse than."""

from __future__ import annotations

from workloads.super_resolution.networks import Enlarger, Interpolation
from workloads.super_resolution.task import SuperResolutionTask


class Nearest(SuperResolutionTask):
    """Each fine cell has its coarse cell's value."""

    kernel = "nearest"

    def build_model(self) -> Enlarger:
        """The interpolation."""
        return Interpolation(self.scale, self.kernel)


class Bicubic(Nearest):
    """Keys' cubic convolution, what all others are compared with."""

    kernel = "bicubic"


class Lanczos(Nearest):
    """Lanczos' kernel of three lobes."""

    kernel = "lanczos"
