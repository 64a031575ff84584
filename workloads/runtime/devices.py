"""What a torch device can do."""

from __future__ import annotations

import torch

from orchestrator.records.processors import instructions

BFLOAT16_UNITS = ("amx_bf16", "avx512_bf16", "bf16")
"""As Linux names them, the faster first, on x86-64 (two kinds) and on 64-bit Arm."""
AMPERE = (8, 0)
"""The first of NVIDIA's generations with bfloat16 units, by compute capability."""


def computes_in_bfloat16(device: torch.device) -> bool:
    """Whether the device has units for bfloat16. Without, a training step in it takes up to twenty times as long as in
    float32 (measured on an AMD EPYC with AVX2 alone), or on a GPU as long or longer.
    """
    if device.type == "cuda":
        return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= AMPERE
    return device.type == "cpu" and processor_units() is not None


def processor_units() -> str | None:
    """The first processor's units for bfloat16, as the system names them; None if it has none or does not tell."""
    known = instructions()
    return next((name for name in BFLOAT16_UNITS if name in known), None)
