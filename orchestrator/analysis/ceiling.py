"""How near a run comes to what its accelerators could do: arithmetic and memory traffic against the stated peaks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Achieved:
    """What each device did on the mean while training, FLOP/s and bytes/s, and of which peak that is how much.

    ``bytes_per_s`` is None where operators were fused by a compiler: what they then move was not counted. The fractions
    are None where the cluster profile states no peak, or the ranks had no accelerator. Fractions are of the bfloat16
    peak whatever the precision: it is what the device is bought for.
    """

    devices: int
    flop_per_s: float
    bytes_per_s: float | None
    of_bf16_peak: float | None
    of_memory_bandwidth: float | None


def compare_with_peaks(
    step_work: Mapping[str, Any],
    samples_per_s: float,
    devices: int,
    peaks: Mapping[str, Any],
    fused: bool,
) -> Achieved:
    """From the work of a step (its ``samples``, ``flop`` and ``bytes``), the throughput over all ``devices`` together
    and the ``peaks`` of one (``peak_bf16_tflops``, ``memory_gb_per_s``; none of a processor).
    """
    steps_per_s = samples_per_s / devices / step_work["samples"]
    operations, traffic = steps_per_s * step_work["flop"], None if fused else steps_per_s * step_work["bytes"]
    peak, bandwidth = peaks.get("peak_bf16_tflops"), peaks.get("memory_gb_per_s")
    return Achieved(
        devices,
        operations,
        traffic,
        operations / (1e12 * peak) if peak else None,
        traffic / (1e9 * bandwidth) if bandwidth and traffic is not None else None,
    )
