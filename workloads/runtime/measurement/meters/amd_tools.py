"""What AMD's command-line tools tell of its accelerators, where the management library's Python side is not installed.

amd-smi comes with ROCm 6 and later, rocm-smi with all. Each runs for a part of a second: often enough for an inventory
and for a reading between two bursts, and too long to count energy by while something is measured.

Written to their outputs as published and never run on such an accelerator here. Of an MI250X's two dies, which are two
devices, the second tells no power: "N/A (Secondary die)".
"""

from __future__ import annotations

import json
import math
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from orchestrator.records import AcceleratorInventory
from workloads.runtime.measurement.meters.base import Accelerator

QUERY_SECONDS = 20.0
AMD_SMI = ["amd-smi", "static", "--asic", "--bus", "--vbios", "--driver", "--vram", "--json"]
ROCM_SMI = ["rocm-smi", "--showproductname", "--showuniqueid", "--showbus", "--showvbios", "--showdriverversion",
            "--showmeminfo", "vram", "--json"]  # fmt: skip
READINGS = ["rocm-smi", "--showbus", "--showclocks", "--showtemp", "--showpower", "--json"]


def describe_amd_by_tools() -> list[AcceleratorInventory]:
    """What each AMD accelerator of this node is. Raises OSError where no tool tells of any."""
    for words, read in ((AMD_SMI, accelerators_of_amd_smi), (ROCM_SMI, accelerators_of_rocm_smi)):
        found = read(query_tool(words))
        if found:
            return found
    raise FileNotFoundError("neither amd-smi nor rocm-smi tells of an accelerator")


def query_tool(words: list[str]) -> str:
    """The output of a tool, "" without it."""
    try:
        answer = subprocess.run(words, capture_output=True, timeout=QUERY_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode(errors="replace")


def document_of(text: str) -> Any:
    """The JSON in a tool's output, between the warnings that it may print around it; None if there is none."""
    starts = [place for place in (text.find("{"), text.find("[")) if place >= 0]
    if not starts:
        return None
    try:
        return json.JSONDecoder().raw_decode(text[min(starts) :])[0]
    except ValueError:
        return None


def accelerators_of_amd_smi(text: str) -> list[AcceleratorInventory]:
    """Of ``amd-smi static --json``: a list of accelerators, since ROCm 7 under the key gpu_data."""
    document = document_of(text)
    listed = document.get("gpu_data") if isinstance(document, dict) else document
    found: list[AcceleratorInventory] = []
    for index, one in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(one, dict) or "asic" not in one:
            found.append({"index": index, "error": str(one)[:200]})
            continue
        vbios = section_of(one, "vbios")
        found.append(
            {
                "name": str(section_of(one, "asic").get("market_name")),
                "uuid": text_or_none(section_of(one, "asic").get("asic_serial")),
                "bus": text_or_none(section_of(one, "bus").get("bdf")),
                "driver": text_or_none(section_of(one, "driver").get("version")),
                "firmware": text_or_none(vbios.get("part_number")) or text_or_none(vbios.get("version")),
                "memory_mib": mebibytes(section_of(one, "vram").get("size")),
            }
        )
    return found


def accelerators_of_rocm_smi(text: str) -> list[AcceleratorInventory]:
    """Of ``rocm-smi … --json``: an object with an entry a card, whose keys are written "Card series" up to ROCm 5 and
    "Card Series" since.
    """
    document = document_of(text)
    cards = document if isinstance(document, dict) else {}
    driver = text_or_none(lower_keys(cards.get("system")).get("driver version"))
    found: list[AcceleratorInventory] = []
    for name, facts in sorted(cards.items(), key=lambda item: number_in(item[0])):
        if not re.fullmatch(r"card\d+", name):
            continue
        card = lower_keys(facts)
        series = text_or_none(card.get("card series")) or text_or_none(card.get("device name"))
        if series is None:
            found.append({"index": int(name[4:]), "error": str(facts)[:200]})
            continue
        size = text_or_none(card.get("vram total memory (b)"))
        found.append(
            {
                "name": series,
                "uuid": text_or_none(card.get("unique id")),
                "bus": text_or_none(card.get("pci bus")),
                "driver": driver,
                "firmware": text_or_none(card.get("vbios version")),
                "memory_mib": int(size) // 2**20 if size and size.isdigit() else None,
            }
        )
    return found


class RocmSmiDevice:
    """One accelerator as rocm-smi reads it, found by its address on the PCI bus."""

    def __init__(self, accelerator: Accelerator) -> None:
        """Raises OSError where the tool does not tell of it."""
        self.bus = accelerator.bus.lower()
        if not self.bus or self.read() is None:
            raise FileNotFoundError(f"rocm-smi tells of no accelerator at {accelerator.bus or 'an unknown address'}")

    def read(self) -> Mapping[str, Any] | None:
        """Its entry now; None if there is none."""
        return card_at(document_of(query_tool(READINGS)), self.bus)

    def state(self) -> tuple[float, float, float]:
        """Clock in MHz, temperature in °C, power in W; NaN for what it does not tell."""
        card = self.read() or {}
        return (
            number_in(card.get("sclk clock speed:", "")),
            number_in(card.get("temperature (sensor junction) (c)", "")),
            first_number(card, "current socket graphics package power (w)", "average graphics package power (w)"),
        )


def card_at(document: Any, bus: str) -> Mapping[str, Any] | None:
    """The entry of the card at that address, keys in lower case; None if there is none."""
    cards = document.values() if isinstance(document, dict) else []
    return next((card for card in map(lower_keys, cards) if str(card.get("pci bus", "")).lower() == bus), None)


def section_of(facts: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """A section of an accelerator's entry; empty if it has another form."""
    found = facts.get(key)
    return found if isinstance(found, dict) else {}


def lower_keys(facts: Any) -> dict[str, Any]:
    """An object with its keys in lower case: releases of the tool differ in it."""
    return {str(key).lower(): value for key, value in facts.items()} if isinstance(facts, dict) else {}


def text_or_none(value: Any) -> str | None:
    """A value as text; None for the tools' ways of saying nothing."""
    text = "" if value is None else str(value).strip()
    return None if not text or text.startswith("N/A") else text


def mebibytes(size: Any) -> int | None:
    """A size that is {"value": 65520, "unit": "MB"}, or in early releases a number of MB."""
    value = size.get("value") if isinstance(size, dict) else size
    return int(value) if isinstance(value, int | float) else None


def number_in(text: Any) -> float:
    """The first number in a text: 1700 of "(1700Mhz)"; NaN if there is none."""
    found = re.search(r"\d+(?:\.\d+)?", str(text))
    return float(found[0]) if found else math.nan


def first_number(card: Mapping[str, Any], *keys: str) -> float:
    """The number of the first of the keys that has one."""
    numbers = (number_in(card[key]) for key in keys if key in card)
    return next((value for value in numbers if not math.isnan(value)), math.nan)
