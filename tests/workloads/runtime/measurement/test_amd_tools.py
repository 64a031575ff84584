"""AMD's tools on texts in their form: two dies of an MI250X, by rocm-smi of ROCm 5 and 6 and by amd-smi of 6 and 7."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from orchestrator.records import compare_node
from workloads.probe import inventory
from workloads.probe.readings import chip_of
from workloads.runtime.measurement.meters import Accelerator
from workloads.runtime.measurement.meters.amd_tools import (
    accelerators_of_amd_smi,
    accelerators_of_rocm_smi,
    describe_amd_by_tools,
)

NAME = "AMD INSTINCT MI250X (MCM) OAM AC MBA"
CARD = {
    "Unique ID": "0x2b1d5a6c7e8f9012", "VBIOS version": "113-D65201-042", "PCI Bus": "0000:C1:00.0",
    "VRAM Total Memory (B)": "68702699520", "VRAM Total Used Memory (B)": "10960896", "Card series": NAME,
    "Card model": "0x0b0c", "Card vendor": "Advanced Micro Devices, Inc. [AMD/ATI]", "Card SKU": "D65201",
}  # fmt: skip
ROCM_5 = {
    "card0": CARD,
    "card1": {**CARD, "Unique ID": "0x2b1d5a6c7e8f9013", "PCI Bus": "0000:C6:00.0"},
    "system": {"Driver version": "5.16.9.22.20"},
}
ROCM_6 = {
    name: {key.replace("Card series", "Card Series").replace("Card model", "Card Model"): value
           for key, value in card.items()}
    for name, card in ROCM_5.items()
}  # fmt: skip
LOST = {"card2": {"Card Series": "N/A", "PCI Bus": "0000:C9:00.0"}}
ONE = {
    "gpu": 0,
    "asic": {"market_name": "AMD Instinct MI250X", "vendor_id": "0x1002", "device_id": "0x7408", "rev_id": "0x01",
             "asic_serial": "0x2B1D5A6C7E8F9012", "oam_id": 0, "target_graphics_version": "gfx90a"},
    "bus": {"bdf": "0000:c1:00.0", "max_pcie_width": 16, "pcie_interface_version": "Gen 4", "slot_type": "OAM"},
    "vbios": {"name": "AMD MI200_A1", "build_date": "2022/02/09", "part_number": "113-D65201-042", "version": "N/A"},
    "driver": {"name": "amdgpu", "version": "6.7.0"},
    "vram": {"type": "HBM", "vendor": "HYNIX", "size": {"value": 65520, "unit": "MB"}},
}  # fmt: skip
POWER = {
    "card0": {"PCI Bus": "0000:C1:00.0", "Temperature (Sensor edge) (C)": "41.0",
              "Temperature (Sensor junction) (C)": "45.0", "sclk clock speed:": "(1700Mhz)", "sclk clock level:": "1",
              "Average Graphics Package Power (W)": "412.0"},
    "card1": {"PCI Bus": "0000:C6:00.0", "Temperature (Sensor junction) (C)": "47.0",
              "sclk clock speed:": "(800Mhz)", "Average Graphics Package Power (W)": "N/A (Secondary die)"},
}  # fmt: skip


@pytest.mark.parametrize("document", [ROCM_5, ROCM_6])
def test_rocm_smi_tells_of_both_dies_and_no_driver_is_a_third(document: Any) -> None:
    first, second = accelerators_of_rocm_smi("WARNING: AMD GPU device(s) is/are in a low-power state.\n"
                                             + json.dumps(document))  # fmt: skip
    assert first == {
        "name": NAME, "uuid": "0x2b1d5a6c7e8f9012", "bus": "0000:C1:00.0", "driver": "5.16.9.22.20",
        "firmware": "113-D65201-042", "memory_mib": 65520,
    }  # fmt: skip
    assert (second["uuid"], second["bus"]) == ("0x2b1d5a6c7e8f9013", "0000:C6:00.0")


def test_a_card_that_does_not_answer_is_an_error_and_not_a_name() -> None:
    *_, lost = accelerators_of_rocm_smi(json.dumps(ROCM_6 | LOST))
    assert lost["index"] == 2 and "name" not in lost
    assert accelerators_of_amd_smi(json.dumps([ONE, {"gpu": 1, "error": "device lost"}]))[1]["index"] == 1


@pytest.mark.parametrize("document", [[ONE], {"gpu_data": [ONE]}])
def test_amd_smi_tells_the_same_in_both_of_its_forms(document: Any) -> None:
    (found,) = accelerators_of_amd_smi(json.dumps(document))
    assert found == {
        "name": "AMD Instinct MI250X", "uuid": "0x2B1D5A6C7E8F9012", "bus": "0000:c1:00.0", "driver": "6.7.0",
        "firmware": "113-D65201-042", "memory_mib": 65520,
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "ERROR: No AMD GPUs specified", "{}", "[]", '{"card0": ', '{"card0": 7}'])
def test_what_is_no_answer_names_nothing(text: str) -> None:
    assert [one for one in accelerators_of_rocm_smi(text) if "name" in one] == []
    assert accelerators_of_amd_smi(text) == []


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node with rocm-smi on its PATH, and nothing else of anybody's."""
    for name, document in (("told", ROCM_6), ("read", POWER)):
        (tmp_path / name).write_text(json.dumps(document))
    program = tmp_path / "rocm-smi"
    told = f'while IFS= read -r line || [ -n "$line" ]; do echo "$line"; done < {tmp_path}/$f'
    program.write_text(f'#!/bin/sh\ncase "$*" in *--showpower*) f=read;; *) f=told;; esac\n{told}\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("tools")
def test_an_inventory_and_the_promise_of_mi250x8_are_read_from_the_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "describe_nvidia", describe_nothing)
    monkeypatch.setattr(inventory, "describe_amd", describe_nothing)
    found = inventory.accelerators()
    assert [one["bus"] for one in found] == ["0000:C1:00.0", "0000:C6:00.0"] and found == describe_amd_by_tools()
    stated = {"model": "AMD MI250X, one of the module's two dies", "memory_gib": 64, "peak_bf16_tflops": 191.5}
    profile: Any = {"name": "mi250x8", "scheduler": "slurm", "cores_per_node": None, "accelerators_per_node": 8,
                    "accelerator": stated, "interconnect": {"interface": None}}  # fmt: skip
    states = {one["what"]: one["state"] for one in compare_node(profile, {"accelerators": found})}
    assert states == {"accelerators": "error", "accelerator": "ok", "memory of an accelerator": "ok"}


def describe_nothing() -> list[Any]:
    raise FileNotFoundError("no library here")


@pytest.mark.usefixtures("tools")
def test_readings_are_the_dies_own_and_the_second_tells_no_power() -> None:
    first, second = (chip_of(Accelerator("unknown to it", bus)) for bus in ("0000:c1:00.0", "0000:c6:00.0"))
    assert first is not None and second is not None
    assert first.state() == (1700.0, 45.0, 412.0)
    clock, temperature, power = second.state()
    assert (clock, temperature, math.isnan(power)) == (800.0, 47.0, True)
    assert chip_of(Accelerator("unknown to it", "0000:d1:00.0")) is None
