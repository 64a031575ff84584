"""What can be set of microscopy."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.super_resolution import config


@dataclass
class DatasetOptions(config.DatasetOptions):
    """``benchmark.dataset``. All but the dose describes data made here alone."""

    dose: float | None
    """Electrons that a fine pixel of the brightest level gets on average; null: the detector has no noise."""
    pixels: int
    """Height and width of a simulated micrograph; the published images have 512."""
    images: int
    """Micrographs to train on; 30 are published."""
    evaluation_images: int
    """Micrographs that quality is measured on; 30 are published."""
