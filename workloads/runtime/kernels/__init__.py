"""Layers that train faster on processors than torch's, with the same functions, gradients and parameters.

A model is built from these layers. They compute as torch's own do until ``use_kernels`` switches the kernels on.
"""

from workloads.runtime.kernels.batch_norm import BatchNorm
from workloads.runtime.kernels.convolution import Convolution
from workloads.runtime.kernels.library import KernelsUnavailableError, load_kernels
from workloads.runtime.kernels.rectified_norm import RectifiedNorm
from workloads.runtime.kernels.use import use_kernels

__all__ = ["BatchNorm", "Convolution", "KernelsUnavailableError", "RectifiedNorm", "load_kernels", "use_kernels"]
