"""The published network: two small convolutions, then fully connected layers with nearly all parameters."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from workloads.dms_scatter.formats import CHANNELS, COLUMNS, ROWS
from workloads.dms_scatter.lattice import CLASSES

KERNEL = 4
FILTERS = (8, 16)


class DmsNet(nn.Module):
    """Maps patterns (n, 487, 195, 3), as they are stored, to class scores (n, 2).

    Convolution, ReLU, pooling and batch normalisation twice, then three fully connected layers of the ``widths`` (two)
    and 2, with ReLU and ``dropout`` between them. With widths 512 and 256 and ``binning`` 1 it has the published
    44,977,866 parameters. ``binning`` first averages over square blocks with that edge in pixels, like a detector that
    is read out in bins. ``mean`` and ``deviation`` standardise the pixels.
    """

    def __init__(
        self,
        widths: Sequence[int] = (512, 256),
        dropout: float = 0.5,
        binning: int = 1,
        mean: float = 0.0,
        deviation: float = 1.0,
    ) -> None:
        super().__init__()
        self.binning, self.mean, self.deviation = binning, mean, deviation
        first, second = FILTERS
        self.features = nn.Sequential(
            nn.Conv2d(CHANNELS, first, KERNEL), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(first),
            nn.Conv2d(first, second, KERNEL), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(second),
        )  # fmt: skip
        inputs = second * pooled_side(ROWS // binning) * pooled_side(COLUMNS // binning)
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(inputs, widths[0]), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(widths[0], widths[1]), nn.ReLU(), nn.Dropout(dropout),
            nn.Linear(widths[1], len(CLASSES)),
        )  # fmt: skip

    def forward(self, images: Tensor) -> Tensor:
        """Return the scores before softmax."""
        # A view: channels come last in memory, as the convolutions like it.
        pixels = images.permute(0, 3, 1, 2)
        if self.binning > 1:
            pixels = functional.avg_pool2d(pixels, self.binning)
        scores: Tensor = self.classifier(self.features((pixels - self.mean) / self.deviation))
        return scores


def pooled_side(pixels: int) -> int:
    """Return the height or width after both convolutions and poolings."""
    for _ in FILTERS:
        pixels = (pixels - KERNEL + 1) // 2
    return pixels
