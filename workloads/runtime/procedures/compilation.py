"""torch.compile for a model whose gradients other ranks wait for."""

from __future__ import annotations

import importlib.util
import os
import shutil

import torch
from torch import nn

COMPILERS = ("g++", "clang++", "c++")


class CompilerMissingError(RuntimeError):
    """What torch.compile needs is not on this node."""


def check_compiler(device: torch.device) -> None:
    """Raise CompilerMissingError unless there is a C++ compiler, and Triton where the device is a GPU."""
    named = os.environ.get("CXX")
    if not any(shutil.which(word) for word in ((named,) if named else COMPILERS)):
        looked_for = f"CXX={named}" if named else ", ".join(COMPILERS)
        raise CompilerMissingError(
            f"benchmark.training.compile=true needs a C++ compiler on the compute node ({looked_for}: not found); "
            "load one in the cluster profile's `modules`, or set benchmark.training.compile=false"
        )
    if device.type == "cuda" and importlib.util.find_spec("triton") is None:
        raise CompilerMissingError(
            "benchmark.training.compile=true needs the package triton on a GPU, which is not installed; "
            "install it, or set benchmark.training.compile=false"
        )


def compiled(module: nn.Module, device: torch.device) -> nn.Module:
    """``module`` compiled at its first call; its parameters, their hooks and its state's names stay what they were.

    Give it a reducer's ``module``: torch cuts the graph of a DistributedDataParallel at its buckets, so that gradients
    travel while others are computed. The flat reducers' gradients all come at the end of the backward pass, which costs
    them that overlap but changes no result. Raises CompilerMissingError.
    """
    check_compiler(device)
    # In this process: a pool of compiling processes would take the cores that other ranks are bound to.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    result: nn.Module = torch.compile(module)  # type: ignore[assignment]
    return result
