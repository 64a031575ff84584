"""Switches the project's kernels on in a model."""

from __future__ import annotations

from torch import nn

from workloads.runtime.kernels.batch_norm import BatchNorm
from workloads.runtime.kernels.convolution import Convolution
from workloads.runtime.kernels.library import load_kernels
from workloads.runtime.kernels.rectified_norm import RectifiedNorm

LAYERS = {"float32": (BatchNorm, Convolution), "bfloat16": (RectifiedNorm,)}
"""Which layers have kernels, by the precision that a model computes in."""


def use_kernels(model: nn.Module, precision: str = "float32") -> bool:
    """Let every layer of ``model`` that has kernels for that precision train with them, where they accept its input.

    Returns whether there is such a layer. Raises KernelsUnavailableError.
    """
    load_kernels()
    able = [module for module in model.modules() if isinstance(module, LAYERS[precision])]
    for module in able:
        module.kernels = True
    return bool(able)
