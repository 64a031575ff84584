"""What the system tells of this node's processors: what they are, how many, their caches and instructions.

/proc/cpuinfo has other words on every architecture. x86 states a model's name; Arm states numbers of who designed the
core and which core it is; POWER and RISC-V have words of their own.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from orchestrator.records.result import Processors
from orchestrator.records.topology import read_cores

PROCESSORS = Path("/proc/cpuinfo")
SYSTEM = Path("/sys/devices/system")

CACHE_KINDS = {"Data": "d", "Instruction": "i"}
ARM_CORES: dict[int, tuple[str, dict[int, str]]] = {
    0x41: (
        "Arm",
        {
            0xD03: "Cortex-A53", 0xD05: "Cortex-A55", 0xD07: "Cortex-A57", 0xD08: "Cortex-A72", 0xD09: "Cortex-A73",
            0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76", 0xD0C: "Neoverse-N1", 0xD0D: "Cortex-A77", 0xD40: "Neoverse-V1",
            0xD41: "Cortex-A78", 0xD42: "Cortex-A78AE", 0xD44: "Cortex-X1", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710",
            0xD48: "Cortex-X2", 0xD49: "Neoverse-N2", 0xD4A: "Neoverse-E1", 0xD4B: "Cortex-A78C", 0xD4D: "Cortex-A715",
            0xD4E: "Cortex-X3", 0xD4F: "Neoverse-V2", 0xD80: "Cortex-A520", 0xD81: "Cortex-A720", 0xD82: "Cortex-X4",
            0xD83: "Neoverse-V3AE", 0xD84: "Neoverse-V3", 0xD85: "Cortex-X925", 0xD87: "Cortex-A725",
            0xD8E: "Neoverse-N3",
        },
    ),
    0x42: ("Broadcom", {0x516: "Vulcan"}),
    0x43: ("Cavium", {0x0A1: "ThunderX", 0x0AF: "ThunderX2", 0x0B8: "ThunderX3"}),
    0x46: ("Fujitsu", {0x001: "A64FX", 0x003: "MONAKA"}),
    0x48: ("HiSilicon", {0xD01: "TaiShan v110", 0xD02: "TaiShan v120"}),
    0x4E: ("NVIDIA", {0x003: "Denver 2", 0x004: "Carmel", 0x010: "Olympus"}),
    0x50: ("APM", {0x000: "X-Gene"}),
    0x51: ("Qualcomm", {0x001: "Oryon", 0xC00: "Falkor", 0xC01: "Saphira"}),
    0x61: ("Apple", {}),
    0x6D: ("Microsoft", {0xD49: "Azure Cobalt 100"}),
    0x70: ("Phytium", {0x660: "FTC660", 0x661: "FTC661", 0x662: "FTC662", 0x663: "FTC663", 0x664: "FTC664"}),
    0xC0: ("Ampere", {0xAC3: "Ampere-1", 0xAC4: "Ampere-1A", 0xAC5: "Ampere-1B"}),
}  # fmt: skip
"""Designers by the architecture's implementer number (field MIDR_EL1.Implementer), and their cores by part number."""


@dataclass(frozen=True)
class Identity:
    """What the processors call themselves, and the state of their microcode, or of the silicon where they have none."""

    name: str
    microcode: str | None


class Units(TypedDict):
    """How many of each a node has; null where the kernel does not tell."""

    cores: int | None
    threads: int | None
    sockets: int | None
    numa_nodes: int | None


def entries(text: str) -> list[dict[str, str]]:
    """The paragraphs of /proc/cpuinfo by lower-case key; the first of a name in a paragraph counts."""
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        pairs: dict[str, str] = {}
        for line in paragraph.splitlines():
            key, colon, value = line.partition(":")
            if colon and value.strip():
                pairs.setdefault(key.strip().lower(), value.strip())
        if pairs:
            found.append(pairs)
    return found


def identify_processors(text: str, architecture: str) -> Identity:
    """From the text of /proc/cpuinfo; the architecture's name alone where it tells no more."""
    paragraphs = entries(text)
    first: dict[str, str] = {}
    for pairs in paragraphs:
        for key, value in pairs.items():
            first.setdefault(key, value)
    if "cpu implementer" in first:
        return identify_arm(paragraphs)
    if "model name" in first:
        return Identity(first["model name"], first.get("microcode"))
    if "mvendorid" in first or "isa" in first or "uarch" in first:
        numbers = [f"{name[1:-2]} {first[name]}" for name in ("mvendorid", "marchid") if name in first]
        name = first.get("uarch") or " ".join(["RISC-V", *numbers])
        return Identity(name, first.get("mimpid"))
    if "cpu" in first and "revision" in first:
        # POWER: "POWER9, altivec supported", revision "2.3 (pvr 004e 1203)".
        return Identity(first["cpu"].partition(",")[0], first["revision"])
    if first.get("vendor_id") == "IBM/S390":
        machine = re.search(r"machine\s*=\s*(\w+)", text)
        return Identity(f"IBM/S390 {machine[1]}" if machine else "IBM/S390", None)
    return Identity(architecture, None)


def identify_arm(paragraphs: list[dict[str, str]]) -> Identity:
    """Designer and core by their numbers, of all kinds of core that the node has; variant and revision as rNpM."""
    names, versions = [], []
    for pairs in paragraphs:
        try:
            implementer, part = int(pairs["cpu implementer"], 16), int(pairs["cpu part"], 16)
        except (KeyError, ValueError):
            continue
        designer, cores = ARM_CORES.get(implementer, (f"implementer {implementer:#04x}", {}))
        names.append(f"{designer} {cores.get(part, f'part {part:#05x}')}")
        try:
            versions.append(f"r{int(pairs['cpu variant'], 16)}p{int(pairs['cpu revision'])}")
        except (KeyError, ValueError):
            continue
    return Identity(", ".join(dict.fromkeys(names)) or "Arm", ", ".join(dict.fromkeys(versions)) or None)


def own_identity() -> Identity:
    """Return the identity of this node's processors."""
    return identify_processors(read_text(PROCESSORS) or "", platform.machine())


def describe_processors() -> Processors:
    """Name, microcode, counts and caches of this node's processors, as JSON takes it."""
    identity, units = own_identity(), count_units()
    return {
        "name": identity.name,
        "microcode": identity.microcode,
        "cores": units["cores"],
        "threads": units["threads"],
        "sockets": units["sockets"],
        "numa_nodes": units["numa_nodes"],
        "caches": caches(),
    }


def mlperf_fields(kinds: Sequence[Processors]) -> dict[str, str]:
    """What nodes' processors are, in the fields that MLPerf's system descriptions have for that, and their microcode,
    for which these have none. Several kinds stand one after the other; "" where nothing is known.
    """

    def listed(values: Sequence[object]) -> str:
        return ", ".join(dict.fromkeys(str(value) for value in values if value))

    sizes = [f"{name} {size}" for kind in kinds[:1] for name, size in kind.get("caches", {}).items()]
    return {
        "host_processor_model_name": listed([kind["name"] for kind in kinds]),
        "host_processor_microcode": listed([kind["microcode"] for kind in kinds]),
        "host_processor_core_count": listed([kind.get("cores") for kind in kinds]),
        "host_processor_vcpu_count": listed([kind.get("threads") for kind in kinds]),
        "host_processors_per_node": listed([kind.get("sockets") for kind in kinds]),
        "host_processor_caches": listed(sizes),
    }


def instructions() -> tuple[str, ...]:
    """The instructions that the first processor has, as Linux names them (its flags or features); none if it does not
    tell.
    """
    for pairs in entries(read_text(PROCESSORS) or ""):
        for key in ("flags", "features"):
            if key in pairs:
                return tuple(pairs[key].split())
    return ()


def caches(folder: Path | None = None) -> dict[str, str]:
    """Sizes of the first processor's caches by level and kind: {"L1d": "64K", …, "L3": "117120K"}."""
    root = (SYSTEM if folder is None else folder) / "cpu/cpu0/cache"
    found = {}
    for index in sorted(root.glob("index[0-9]*")):
        level, kind, size = (read_text(index / name) for name in ("level", "type", "size"))
        if level and size:
            found[f"L{level}{CACHE_KINDS.get(kind or '', '')}"] = size
    return found


def count_units(folder: Path | None = None) -> Units:
    """Cores, threads, sockets and NUMA nodes of this node from its topology; null where the kernel does not tell.

    A package number of −1 says that the firmware tells none.
    """
    root = SYSTEM if folder is None else folder
    units = [path / "topology" for path in root.glob("cpu/cpu[0-9]*")]
    sockets = {read_text(unit / "physical_package_id") for unit in units} - {None, "-1"}
    return {
        "cores": len(read_cores(root)) or None,
        "threads": len(units) or None,
        "sockets": len(sockets) or None,
        "numa_nodes": len(list(root.glob("node/node[0-9]*"))) or None,
    }


def read_text(path: Path) -> str | None:
    """A small file's text, None if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None
