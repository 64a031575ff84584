"""What NVIDIA's management library tells of its accelerators: energy, clock, temperature, power, what they are."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from orchestrator.records import AcceleratorInventory
from workloads.runtime.measurement.meters.base import DEVICE, POWER_LIMIT, Accelerator

SLOWDOWNS = {
    "nvmlClocksThrottleReasonHwThermalSlowdown": "heat",
    "nvmlClocksThrottleReasonSwThermalSlowdown": "heat",
    "nvmlClocksThrottleReasonHwPowerBrakeSlowdown": "the power supply's brake",
    "nvmlClocksThrottleReasonHwSlowdown": "a hardware slowdown",
    "nvmlClocksThrottleReasonSwPowerCap": POWER_LIMIT,
}
"""Of the reasons for a lower clock, those that are not idleness or somebody's wish, by NVML's names."""
GENERAL = "nvmlClocksThrottleReasonHwSlowdown"
"""Set beside the heat or the brake that caused it: told only where it stands alone."""


def load_nvml() -> Any:
    """The library, ready. Raises OSError where there is none, or no driver for it."""
    try:
        import pynvml
    except ImportError as error:
        raise FileNotFoundError(f"no NVML: {error}") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise FileNotFoundError(f"no NVML: {error}") from error
    return pynvml


class NvmlDevice:
    """One accelerator, found by its UUID; for a MIG instance the GPU that it is a part of."""

    def __init__(self, accelerator: Accelerator) -> None:
        """Raises OSError where NVML is not there or does not know the device."""
        self.library = load_nvml()
        bare = accelerator.uuid.removeprefix("GPU-").removeprefix("MIG-")
        self.divided = False
        try:
            self.handle = self.find(f"GPU-{bare}")
            if self.handle is None:
                instance = self.find(f"MIG-{bare}")
                if instance is None:
                    raise FileNotFoundError(f"NVML knows no accelerator {accelerator.uuid}")
                self.handle = self.library.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(instance)
                self.divided = True
            self.identity = text(self.library.nvmlDeviceGetUUID(self.handle))
        except self.library.NVMLError as error:
            raise FileNotFoundError(f"NVML does not know accelerator {accelerator.uuid}: {error}") from error

    def find(self, uuid: str) -> Any:
        """The handle of a UUID, or None if NVML knows no such device."""
        try:
            return self.library.nvmlDeviceGetHandleByUUID(uuid.encode())
        except (self.library.NVMLError_NotFound, self.library.NVMLError_InvalidArgument):
            return None

    def state(self) -> tuple[float, float, float]:
        """Clock of the multiprocessors in MHz, temperature in °C, power in W; NaN for what it does not tell."""
        nvml = self.library
        return (
            self.number(lambda: nvml.nvmlDeviceGetClockInfo(self.handle, nvml.NVML_CLOCK_SM)),
            self.number(lambda: nvml.nvmlDeviceGetTemperature(self.handle, nvml.NVML_TEMPERATURE_GPU)),
            self.number(lambda: nvml.nvmlDeviceGetPowerUsage(self.handle)) / 1e3,
        )

    def number(self, call: Callable[[], Any]) -> float:
        """What a query answers, NaN if it fails."""
        try:
            return float(call())
        except self.library.NVMLError:
            return math.nan

    def slowed_by(self) -> list[str]:
        """Why its clock is lower than it could be, right now."""
        nvml = self.library
        try:
            bits = int(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(self.handle))
        except nvml.NVMLError:
            return []
        held = {name: word for name, word in SLOWDOWNS.items() if bits & getattr(nvml, name)}
        if set(held.values()) - {POWER_LIMIT, SLOWDOWNS[GENERAL]}:
            held.pop(GENERAL, None)
        return sorted(set(held.values()))

    def users(self) -> frozenset[int]:
        """The ids of processes that compute on it, as the driver's own namespace of processes numbers them."""
        try:
            return frozenset(int(entry.pid) for entry in self.library.nvmlDeviceGetComputeRunningProcesses(self.handle))
        except self.library.NVMLError:
            return frozenset()


class NvmlMeter(NvmlDevice):
    """Its energy, which Volta and later count since their driver was loaded."""

    source = "nvml"
    scope = DEVICE

    def __init__(self, accelerator: Accelerator) -> None:
        """Raises OSError where there is none, or none that counts energy."""
        super().__init__(accelerator)
        self.covers_more = "the whole GPU, of which the run had one MIG instance" if self.divided else ""
        self.joules()

    def joules(self) -> float:
        """Since the driver was loaded."""
        try:
            return float(self.library.nvmlDeviceGetTotalEnergyConsumption(self.handle)) / 1e3
        except self.library.NVMLError as error:
            raise OSError(f"NVML does not count energy: {error}") from error


def describe_nvidia() -> list[AcceleratorInventory]:
    """What each NVIDIA accelerator of this node is; one that does not answer is its ``index`` and the ``error``.

    Raises OSError where there is no NVML.
    """
    nvml = load_nvml()
    found: list[AcceleratorInventory] = []
    for index in range(nvml.nvmlDeviceGetCount()):
        try:
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name = text(nvml.nvmlDeviceGetName(handle))
        except nvml.NVMLError as error:
            found.append({"index": index, "error": str(error)})
            continue
        ask = partial(answer_or_none, nvml, handle)
        found.append(
            {
                "name": name,
                "uuid": ask(lambda one: text(nvml.nvmlDeviceGetUUID(one))),
                "driver": ask(lambda one: text(nvml.nvmlSystemGetDriverVersion())),
                "firmware": ask(lambda one: text(nvml.nvmlDeviceGetVbiosVersion(one))),
                "memory_mib": ask(lambda one: nvml.nvmlDeviceGetMemoryInfo(one).total // 2**20),
                "link_generation": ask(nvml.nvmlDeviceGetCurrPcieLinkGeneration),
                "link_width": ask(nvml.nvmlDeviceGetCurrPcieLinkWidth),
                "uncorrected_errors": ask(
                    lambda one: nvml.nvmlDeviceGetTotalEccErrors(
                        one, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED, nvml.NVML_VOLATILE_ECC
                    )
                ),
                "throttled": ask(lambda one: hex(nvml.nvmlDeviceGetCurrentClocksThrottleReasons(one))),
            }
        )
    return found


def answer_or_none(nvml: Any, handle: Any, query: Callable[[Any], Any]) -> Any:
    """What the library answers of a device; None where it does not know."""
    try:
        return query(handle)
    except nvml.NVMLError:
        return None


def text(value: str | bytes) -> str:
    """Older releases of the library's Python side answer bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
