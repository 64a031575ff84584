"""Quality of denoised images over a whole evaluation set, from sums over its images that add up over ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.runtime.images import ssim
from workloads.runtime.task import Arrays, Batch, Quality

SMALLEST_MSE = 1e-12
"""Smallest MSE that counts, in units of the data range squared: an exact image has 120 dB rather than infinity."""
METRICS = ("mse", "psnr", "ssim")
STEPS = (2.0**-42, 2.0**-32, 2.0**-39)
"""Steps in which images' scores are added (the MSE's in units of a power of two near the range squared). Sums over some
ten thousand images are then exact, so the order in which ranks add them does not matter.
"""


def image_scores(image: Tensor, truth: Tensor, data_range: float) -> Tensor:
    """Return MSE, PSNR in dB and SSIM of every image (n, 1, h, w) against its truth: (n, 3) float64."""
    image, truth = image.double(), truth.double()
    mse = (image - truth).square().mean(dim=(1, 2, 3))
    psnr = -10 * torch.log10((mse / data_range**2).clamp_min(SMALLEST_MSE))
    return torch.stack((mse, psnr, ssim(image, truth, data_range)), dim=1)


class DenoisingQuality(Quality):
    """The number of images, and the sums of MSE, PSNR and SSIM of the denoised and of the noisy images."""

    def __init__(self, data_range: float) -> None:
        self._range = data_range
        mse, psnr, ssim = STEPS
        self._steps = np.tile([mse * 2.0 ** np.ceil(np.log2(data_range**2)), psnr, ssim], 2)
        self._images = 0
        self._sums = np.zeros(2 * len(METRICS))

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add the images of a batch."""
        self.add(model(batch["input"]), batch["input"], batch["target"])

    def add(self, denoised: Tensor, noisy: Tensor, truth: Tensor) -> None:
        """Add images (n, 1, h, w)."""
        # Metrics are not to be rounded with the network.
        with torch.autocast(denoised.device.type, enabled=False):
            both = torch.cat(
                (image_scores(denoised, truth, self._range), image_scores(noisy, truth, self._range)), dim=1
            )
        self._images += len(both)
        self._sums += np.rint(both.cpu().numpy() / self._steps).sum(axis=0) * self._steps

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """The number of images, then the sums of mse, psnr and ssim, denoised and noisy: (7,)."""
        return np.append(np.float64(self._images), self._sums)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """Return means over all images: mse, psnr (dB) and ssim, denoised and noisy, and psnr_gain (dB)."""
        means = (counts[1:] / max(1.0, counts[0])).tolist()
        values = dict(zip((*METRICS, *(f"{name}_noisy" for name in METRICS)), means, strict=True))
        return {**values, "psnr_gain": values["psnr"] - values["psnr_noisy"]}
