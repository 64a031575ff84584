"""Layers whose training in float32 on processors torch leaves slow: same functions, same gradients, same parameters.

A model is built from these layers; they are torch's own until ``use_kernels`` tells them otherwise.
"""

from workloads.runtime.kernels.batch_norm import BatchNorm
from workloads.runtime.kernels.convolution import Convolution
from workloads.runtime.kernels.library import KernelsUnavailableError, load_kernels
from workloads.runtime.kernels.use import use_kernels

__all__ = ["BatchNorm", "Convolution", "KernelsUnavailableError", "load_kernels", "use_kernels"]
