"""A node's hardware and software, as far as an ordinary user may read them. Anything unreadable is null."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import re
import subprocess
from pathlib import Path
from typing import cast

import psutil
import torch

from orchestrator.records import (
    AcceleratorInventory,
    FileSystemInventory,
    NetworkInventory,
    NodeInventory,
    ProcessorInventory,
)
from orchestrator.records.processors import describe_processors, own_identity, read_text
from orchestrator.records.topology import read_topology
from workloads.probe.readings import SYS
from workloads.runtime.measurement.meters.amd import describe_amd
from workloads.runtime.measurement.meters.amd_tools import describe_amd_by_tools
from workloads.runtime.measurement.meters.nvml import describe_nvidia

PROC = Path("/proc")
PACKAGES = ("torch", "numpy", "mpi4py", "horovod", "h5py")
QUERY_SECONDS = 10.0
ACCELERATOR_FIELDS = {
    "name": "name",
    "uuid": "uuid",
    "driver": "driver_version",
    "firmware": "vbios_version",
    "memory_mib": "memory.total",
    "link_generation": "pcie.link.gen.current",
    "link_width": "pcie.link.width.current",
    "uncorrected_errors": "ecc.errors.uncorrected.volatile.total",
    "throttled": "clocks_throttle_reasons.active",
}


def node_inventory(shared: Path, local: Path) -> NodeInventory:
    """Return processor, memory, accelerators, network, firmware and software of this node, and the file systems of its
    folders.
    """
    return {
        "processor": processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 2),
        "accelerators": accelerators(),
        "network": network(),
        "firmware": {
            "bios": read_text(SYS / "class/dmi/id/bios_version"),
            "board": read_text(SYS / "class/dmi/id/board_name"),
            "vendor": read_text(SYS / "class/dmi/id/sys_vendor"),
            "product": read_text(SYS / "class/dmi/id/product_name"),
            "microcode": own_identity().microcode,
        },
        "kernel": platform.release(),
        "system": release_name(),
        "mpi": mpi_version(),
        "packages": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "files": {"shared": file_system(shared), "local": file_system(local)},
    }


def processor() -> ProcessorInventory:
    """Return model, counts and caches."""
    told = describe_processors()
    sizes = told["caches"]
    return {
        "name": told["name"],
        "microcode": told["microcode"],
        "sockets": told["sockets"],
        "numa_nodes": told["numa_nodes"],
        "caches": sizes,
        "model": told["name"],
        "architecture": platform.machine(),
        "cores": told["cores"] or psutil.cpu_count(logical=False),
        "threads": told["threads"] or psutil.cpu_count(logical=True),
        "usable": read_topology().usable_threads,
        "last_level_cache": sizes[max(sizes)] if sizes else None,
        "governor": read_text(SYS / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }


def accelerators() -> list[AcceleratorInventory]:
    """Return the accelerators, from the vendors' libraries, or else their tools, or else torch.

    An accelerator that does not answer is an entry with an ``error`` and no name.
    """
    for describe in (describe_nvidia, describe_amd, describe_amd_by_tools):
        try:
            found = describe()
        except OSError:
            continue
        if found:
            return found
    told = accelerators_of(ask_nvidia_smi())
    if told:
        return told
    if not torch.cuda.is_available():
        return []
    devices = (torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count()))
    return [{"name": one.name, "memory_mib": one.total_memory // 2**20} for one in devices]


def ask_nvidia_smi() -> str:
    """Return the output of nvidia-smi, which may be installed where the library does not load; "" without it."""
    words = ["nvidia-smi", f"--query-gpu={','.join(ACCELERATOR_FIELDS.values())}", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(words, capture_output=True, timeout=QUERY_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode(errors="replace")


def accelerators_of(text: str) -> list[AcceleratorInventory]:
    """Return the accelerators of nvidia-smi's table.

    A line of another width is kept as an ``error``: for a lost GPU the tool writes "Unable to determine the device
    handle for GPU…: GPU is lost" between the others.
    """
    found: list[AcceleratorInventory] = []
    for line in filter(str.strip, text.splitlines()):
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == len(ACCELERATOR_FIELDS):
            found.append(cast(AcceleratorInventory, dict(zip(ACCELERATOR_FIELDS, cells, strict=True))))
        else:
            found.append({"error": line.strip()})
    return found if any("name" in one for one in found) else []


def network() -> list[NetworkInventory]:
    """Return interfaces that are up, then InfiniBand and similar devices with their firmware."""
    found: list[NetworkInventory] = []
    for name, facts in sorted(psutil.net_if_stats().items()):
        if facts.isup and name != "lo":
            driver = SYS / "class/net" / name / "device/driver"
            found.append(
                {
                    "name": name,
                    "mbit_per_s": facts.speed or None,
                    "mtu": facts.mtu,
                    "driver": driver.resolve().name if driver.exists() else None,
                }
            )
    for device in sorted(SYS.glob("class/infiniband/*")):
        found.append(
            {
                "name": device.name,
                "firmware": read_text(device / "fw_ver"),
                "board": read_text(device / "board_id"),
                "rate": read_text(device / "ports/1/rate"),
                "state": read_text(device / "ports/1/state"),
            }
        )
    return found


def release_name() -> str | None:
    """Return the name of the distribution."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def mpi_version() -> str | None:
    """Return the MPI library's version text, None if this process has not loaded it."""
    import sys

    library = sys.modules.get("mpi4py.MPI")
    return str(library.Get_library_version()).split("\x00")[0].splitlines()[0].strip() if library else None


def version(package: str) -> str | None:
    """Return the version of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def file_system(folder: Path) -> FileSystemInventory:
    """Return type and free space of a folder's file system. With ``kind`` "tmpfs" reads come from memory."""
    kind = mount_kind(read_text(PROC / "self/mounts") or "", folder.resolve())
    free = psutil.disk_usage(str(folder)).free / 2**30 if folder.is_dir() else math.nan
    return {"kind": kind, "free_gib": None if math.isnan(free) else round(free, 1)}


def mount_kind(mounts: str, folder: Path) -> str | None:
    r"""Return the type of a folder's file system, from the text of /proc/self/mounts.

    That file writes a blank in a name as \\040, and encodes other characters that would end it likewise (proc_mounts,
    fstab(5)).
    """
    best, kind = "", None
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) < 3:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), words[1])
        if folder.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, words[2]
    return kind
