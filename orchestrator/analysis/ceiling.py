"""Arithmetic and memory traffic of a run as fractions of its accelerators' stated peaks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypedDict

from orchestrator.records.result import StepWorkResult


class Peaks(TypedDict, total=False):
    """What a cluster profile states of a device: its name, peak TFLOP/s in bfloat16, and GB/s of its memory."""

    model: str
    peak_bf16_tflops: float
    memory_gb_per_s: float


@dataclass(frozen=True)
class Achieved:
    """Mean FLOP/s and bytes/s of each device while training, and their fractions of the stated peaks.

    ``bytes_per_s`` is None where a compiler fused operators, since their traffic was not counted. A fraction is None
    where the cluster profile states no peak or the ranks had no accelerator. ``of_bf16_peak`` is relative to the
    bfloat16 peak at any precision, since that peak is what a device is bought for.
    """

    devices: int
    flop_per_s: float
    bytes_per_s: float | None
    of_bf16_peak: float | None
    of_memory_bandwidth: float | None


@dataclass(frozen=True)
class EnergyRates:
    """Power and work by energy: mean watts while measuring, and samples trained a joule; None where not known."""

    mean_w: float | None
    samples_per_j: float | None


def energy_rates(joules: float | None, seconds: float | None, samples: float | None) -> EnergyRates:
    """From the energy of a training, the seconds that it was measured over, and the samples that it trained."""
    return EnergyRates(
        joules / seconds if joules is not None and seconds else None, samples / joules if joules and samples else None
    )


def count_devices(ranks: Iterable[tuple[str, str]]) -> tuple[int, bool]:
    """Devices of some ranks, from the host and device ("cpu" without an accelerator) of each, and whether all are
    accelerators. Several ranks may share an accelerator; ranks on processors have each their own cores, and so are a
    device each.
    """
    places = list(ranks)
    accelerated = all(device != "cpu" for _, device in places)
    return len(set(places)) if accelerated else len(places), accelerated


FORWARD_AND_BACK = 6
"""Operations of training an item for each parameter that it is multiplied with: a multiplication and an addition
forwards, and twice as many for the gradients (Kaplan et al. 2020, arXiv 2001.08361). Attention is not among them.
"""


def operations_by_size(
    parameters: int, items_per_s: float, devices: int, peak_bf16_tflops: float | None
) -> tuple[float, float | None]:
    """Return the FLOP/s of each of so many ``devices``, which train ``items_per_s`` together, by their model's size,
    and the fraction of the stated peak; None where none is stated.
    """
    operations = FORWARD_AND_BACK * parameters * items_per_s / devices
    return operations, operations / (1e12 * peak_bf16_tflops) if peak_bf16_tflops else None


def compare_with_peaks(
    step_work: StepWorkResult,
    samples_per_s: float,
    devices: int,
    peaks: Peaks,
    fused: bool,
) -> Achieved:
    """Return what each device achieved.

    ``step_work`` holds ``samples``, ``flop`` and ``bytes`` of a step of one device, ``samples_per_s`` is the throughput
    of all ``devices``, and ``peaks`` those of one device (``peak_bf16_tflops``, ``memory_gb_per_s``; empty for a
    processor).
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
