"""Telling a model's layers to compute with the project's kernels."""

from __future__ import annotations

from torch import nn

from workloads.runtime.kernels.batch_norm import BatchNorm
from workloads.runtime.kernels.convolution import Convolution
from workloads.runtime.kernels.library import load_kernels


def use_kernels(model: nn.Module) -> bool:
    """Have every layer of ``model`` that knows of them train with the project's kernels, wherever they take what it is
    given; whether there is such a layer. Raises KernelsUnavailableError.
    """
    load_kernels()
    able = [module for module in model.modules() if isinstance(module, (BatchNorm, Convolution))]
    for module in able:
        module.kernels = True
    return bool(able)
