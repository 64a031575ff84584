"""What can be set of steerable."""

from __future__ import annotations

from workloads.rotations.methods.group_cnn_config import Model

__all__ = ["Model"]
