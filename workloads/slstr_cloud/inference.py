"""From a scene to its cloud mask: overlapping patches, the network, the patches' inner parts stitched together."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from workloads.slstr_cloud.geometry import Geometry

PATCHES_AT_ONCE = 9
"""Patches at a time on a processor, whose caches hold few. An accelerator takes all of a scene."""


def scene_logits(model: nn.Module, scene: Tensor, geometry: Geometry) -> Tensor:
    """Return the logits of cloud (height, width) of one normalised scene (height, width, 9)."""
    tiles = geometry.cover(scene)
    at_once = PATCHES_AT_ONCE if scene.device.type == "cpu" else len(tiles)
    return geometry.stitch(torch.cat([model(part) for part in torch.split(tiles, at_once)]))
