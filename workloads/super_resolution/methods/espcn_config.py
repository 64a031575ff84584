"""What can be set of espcn."""

from __future__ import annotations

from workloads.super_resolution.config import Network as Model

__all__ = ["Model"]
