"""What AMD's management library (amdsmi, which ROCm brings) tells of its accelerators.

Written to its documentation and never run on such an accelerator here. An MI250X is two devices; only the first die of
a module counts energy, for both. The second has no meter of its own then, and the node's counters must serve.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from orchestrator.records import AcceleratorInventory
from workloads.runtime.measurement.meters.base import DEVICE, POWER_LIMIT, Accelerator

TWO_DIES = "MI250"
"""In the names of modules of two dies, of which each is a device: MI250 and MI250X."""
BOTH_DIES = "both dies of the module, of which the run had one"


def load_amdsmi() -> Any:
    """The library, ready. Raises OSError where there is none, or no driver for it."""
    try:
        import amdsmi  # type: ignore[import-not-found, unused-ignore]
    except (ImportError, OSError, KeyError) as error:
        # Its Python side is there for everyone to install and fails in ways of its own without ROCm.
        raise FileNotFoundError(f"no amdsmi: {error}") from error
    try:
        amdsmi.amdsmi_init()
    except amdsmi.AmdSmiException as error:
        raise FileNotFoundError(f"no amdsmi: {error}") from error
    return amdsmi


class AmdDevice:
    """One accelerator, found by its address on the PCI bus: HIP's UUID is not the library's."""

    def __init__(self, accelerator: Accelerator) -> None:
        """Raises OSError where amdsmi is not there or does not know the device."""
        self.library = load_amdsmi()
        addresses = {}
        try:
            for handle in self.library.amdsmi_get_processor_handles():
                addresses[str(self.library.amdsmi_get_gpu_device_bdf(handle)).lower()] = handle
        except self.library.AmdSmiException as error:
            raise FileNotFoundError(f"amdsmi lists no accelerator: {error}") from error
        if not accelerator.bus or accelerator.bus.lower() not in addresses:
            raise FileNotFoundError(f"amdsmi knows no accelerator at {accelerator.bus or 'an unknown address'}")
        self.handle = addresses[accelerator.bus.lower()]
        self.identity = accelerator.bus.lower()

    def state(self) -> tuple[float, float, float]:
        """Clock of the compute units in MHz, temperature in °C, power in W; NaN for what it does not tell."""
        smi = self.library
        return (
            self.number(lambda: smi.amdsmi_get_clock_info(self.handle, smi.AmdSmiClkType.GFX)["clk"]),
            self.number(
                lambda: smi.amdsmi_get_temp_metric(
                    self.handle, smi.AmdSmiTemperatureType.HOTSPOT, smi.AmdSmiTemperatureMetric.CURRENT
                )
            ),
            self.power(),
        )

    def power(self) -> float:
        """Watts now, or as a mean on those that tell no other."""
        try:
            told = self.library.amdsmi_get_power_info(self.handle)
        except self.library.AmdSmiException:
            return math.nan
        numbers = [told.get(name) for name in ("current_socket_power", "average_socket_power")]
        return next((float(value) for value in numbers if isinstance(value, int | float) and value > 0), math.nan)

    def number(self, call: Callable[[], Any]) -> float:
        """What a query answers, NaN if it fails or says "N/A"."""
        try:
            return float(call())
        except (self.library.AmdSmiException, TypeError, ValueError, KeyError):
            return math.nan

    def slowed_by(self) -> list[str]:
        """Why its clock is lower than it could be; MI300 and later tell."""
        smi = self.library
        try:
            told = smi.amdsmi_get_violation_status(self.handle)
        except (smi.AmdSmiException, AttributeError):
            return []
        words = {
            "active_prochot_thrm": "heat",
            "active_socket_thrm": "heat",
            "active_hbm_thrm": "heat",
            "active_vr_thrm": "heat",
            "active_ppt_pwr": POWER_LIMIT,
        }
        return sorted({word for name, word in words.items() if told.get(name) is True})

    def users(self) -> frozenset[int]:
        """Nobody: ROCm's processes are on the lists of all accelerators that they opened, also of those left idle."""
        return frozenset()


class AmdMeter(AmdDevice):
    """Its energy, in steps of about 15 µJ."""

    source = "amdsmi"
    scope = DEVICE

    def __init__(self, accelerator: Accelerator) -> None:
        """Raises OSError where there is none, or none that counts energy."""
        super().__init__(accelerator)
        if self.joules() == 0:
            raise FileNotFoundError(
                f"the accelerator at {self.identity} does not count energy: of a module's two dies only one does"
            )
        self.covers_more = BOTH_DIES if self.is_half_a_module() else ""

    def is_half_a_module(self) -> bool:
        """Whether the device is a die of a module of two: by its name, or because others here count nothing, as second
        dies do. A container may show it alone.
        """
        smi = self.library
        try:
            if TWO_DIES in str(smi.amdsmi_get_gpu_asic_info(self.handle)["market_name"]).upper():
                return True
        except (smi.AmdSmiException, AttributeError, KeyError):
            pass
        try:
            others = [handle for handle in smi.amdsmi_get_processor_handles() if handle != self.handle]
            return any(counted_joules(smi, handle) == 0 for handle in others)
        except smi.AmdSmiException:
            return False

    def joules(self) -> float:
        """Since the driver was loaded."""
        try:
            return counted_joules(self.library, self.handle)
        except self.library.AmdSmiException as error:
            raise OSError(f"amdsmi does not count energy: {error}") from error


def counted_joules(library: Any, handle: Any) -> float:
    """What a device has counted since the driver was loaded. Raises the library's exception."""
    told = library.amdsmi_get_energy_count(handle)
    # The field was named power up to ROCm 6.
    count = told.get("energy_accumulator", told.get("power", 0))
    return float(count) * float(told["counter_resolution"]) / 1e6


def describe_amd() -> list[AcceleratorInventory]:
    """What each AMD accelerator of this node is; one that does not answer is its ``index`` and the ``error``.

    Raises OSError where there is no amdsmi.
    """
    smi = load_amdsmi()
    found: list[AcceleratorInventory] = []
    for index, handle in enumerate(smi.amdsmi_get_processor_handles()):
        try:
            found.append(
                {
                    "name": smi.amdsmi_get_gpu_asic_info(handle)["market_name"],
                    "uuid": smi.amdsmi_get_gpu_device_uuid(handle),
                    "bus": smi.amdsmi_get_gpu_device_bdf(handle),
                    "driver": smi.amdsmi_get_gpu_driver_info(handle)["driver_version"],
                    "firmware": smi.amdsmi_get_gpu_vbios_info(handle)["version"],
                }
            )
        except smi.AmdSmiException as error:
            found.append({"index": index, "error": str(error)})
    return found
