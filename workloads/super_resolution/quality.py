"""How good fine images are over a whole evaluation set, beside those of bicubic interpolation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from workloads.runtime.images import ssim
from workloads.runtime.task import Arrays, Batch, Quality
from workloads.super_resolution.networks import interpolate
from workloads.super_resolution.scores import box_error, decibels, spectrum_error, squared_sums

SUMS = ("whole", "cells", "inner", "inner_cells")
COLUMNS = (*SUMS, *(f"bicubic_{name}" for name in SUMS), "ssim", "spectrum", "box")


class ResolutionQuality(Quality):
    """Scores of each image as rows: they come together in the samples' order, so that sums are the same for any number
    of ranks.

    ``coarse`` is the samples' field with the images at ``scale``; ``enlarge`` makes fine ones of them.
    """

    def __init__(self, coarse: str, scale: int, enlarge: Callable[[nn.Module, Tensor], Tensor]) -> None:
        self.coarse, self.scale, self.enlarge = coarse, scale, enlarge

    def update(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Keep a batch's COLUMNS."""
        coarse, truth, mask = batch[self.coarse], batch["target"], batch.get("mask")
        made = self.enlarge(model, coarse).float()
        # Scores are not to be rounded with the network.
        with torch.autocast(made.device.type, enabled=False):
            return {"scores": image_scores(made, interpolate(coarse, self.scale, "bicubic"), truth, mask, self.scale)}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """The metrics, see ``whole_scores``."""
        return whole_scores(torch.from_numpy(rows["scores"]))


def image_scores(made: Tensor, bicubic: Tensor, truth: Tensor, mask: Tensor | None, scale: int) -> Tensor:
    """Return the COLUMNS (n, 11) float64 of images (n, 1, h, w)."""
    sums = (squared_sums(made, truth, mask), squared_sums(bicubic, truth, mask))
    if mask is not None:
        # Where there is no truth, nothing is compared.
        made = torch.where(mask.bool(), made, truth)
    valid = None if mask is None else mask.bool()
    others = (
        ssim(made.double(), truth.double(), 1.0, valid), spectrum_error(made, truth, scale),
        box_error(made, truth, scale, mask),
    )  # fmt: skip
    return torch.cat((*sums, torch.stack(others, dim=1)), dim=1)


def whole_scores(scores: Tensor) -> dict[str, float]:
    """Return the metrics of a set from its images' COLUMNS (n, 11).

    PSNR in dB, for the data set's range: "psnr" of the error pooled over all valid cells, "psnr_mean" as a mean over
    images, "psnr_interior" and "psnr_frame" pooled over those parts of images; "psnr_gain" and the like over bicubic
    interpolation. "ssim", "spectrum_error" and "box_error" are means over images.
    """
    column = dict(zip(COLUMNS, scores.unbind(dim=1), strict=True))
    total = {name: values.sum() for name, values in column.items()}
    metrics = {
        "psnr_mean": decibels(column["whole"] / column["cells"]).mean(),
        "ssim": column["ssim"].nanmean(),
        "spectrum_error": column["spectrum"].mean(),
        "box_error": column["box"].mean(),
    }
    for name, errors, cells in (("", "whole", "cells"), ("_interior", "inner", "inner_cells")):
        metrics[f"psnr{name}"] = decibels(total[errors] / total[cells])
        metrics[f"psnr_bicubic{name}"] = decibels(total[f"bicubic_{errors}"] / total[f"bicubic_{cells}"])
    for prefix, kind in (("", "psnr_frame"), ("bicubic_", "psnr_bicubic_frame")):
        rim = total["cells"] - total["inner_cells"]
        metrics[kind] = decibels((total[f"{prefix}whole"] - total[f"{prefix}inner"]) / rim)
    for part in ("", "_interior", "_frame"):
        metrics[f"psnr_gain{part}"] = metrics[f"psnr{part}"] - metrics[f"psnr_bicubic{part}"]
    return {name: float(value) for name, value in metrics.items()}
