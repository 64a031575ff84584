"""What a node is made of, as far as an ordinary user may read it. What cannot be read is null."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
from pathlib import Path
from typing import Any

import psutil
import torch

from workloads.probe.readings import SYS, nvidia, read_text

PROC = Path("/proc")
PACKAGES = ("torch", "numpy", "mpi4py", "horovod", "h5py")
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


def node_inventory(shared: Path, local: Path) -> dict[str, Any]:
    """Processor, memory, accelerators, network, firmware and software of this node, and what its folders lie on."""
    return {
        "processor": processor(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 2),
        "accelerators": accelerators(),
        "network": network(),
        "firmware": {
            "bios": read_text(SYS / "class/dmi/id/bios_version"),
            "board": read_text(SYS / "class/dmi/id/board_name"),
            "vendor": read_text(SYS / "class/dmi/id/sys_vendor"),
            "microcode": cpuinfo().get("microcode"),
        },
        "kernel": platform.release(),
        "system": release_name(),
        "mpi": mpi_version(),
        "packages": {name: version(name) for name in PACKAGES} | {"python": platform.python_version()},
        "files": {"shared": file_system(shared), "local": file_system(local)},
    }


def cpuinfo() -> dict[str, str]:
    """The first processor's entries in /proc/cpuinfo."""
    text = (read_text(PROC / "cpuinfo") or "").split("\n\n")[0]
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs if value}


def processor() -> dict[str, Any]:
    """Model, counts and the size of the last-level cache."""
    return {
        "model": cpuinfo().get("model name") or platform.machine(),
        "architecture": platform.machine(),
        "cores": psutil.cpu_count(logical=False),
        "threads": psutil.cpu_count(logical=True),
        "usable": len(os.sched_getaffinity(0)),
        "sockets": len(set(packages())) or None,
        "last_level_cache": read_text(SYS / "devices/system/cpu/cpu0/cache/index3/size"),
        "governor": read_text(SYS / "devices/system/cpu/cpu0/cpufreq/scaling_governor"),
    }


def packages() -> list[str]:
    """Package numbers of all processors."""
    files = SYS.glob("devices/system/cpu/cpu[0-9]*/topology/physical_package_id")
    return [text for text in map(read_text, files) if text is not None]


def accelerators() -> list[dict[str, Any]]:
    """From NVIDIA's tool, else as much as torch knows."""
    rows = nvidia(",".join(ACCELERATOR_FIELDS.values()))
    if rows:
        return [dict(zip(ACCELERATOR_FIELDS, row, strict=False)) for row in rows]
    if not torch.cuda.is_available():
        return []
    found = (torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count()))
    return [{"name": one.name, "memory_mib": one.total_memory // 2**20} for one in found]


def network() -> list[dict[str, Any]]:
    """Interfaces that are up, then InfiniBand and kindred devices with their firmware."""
    found: list[dict[str, Any]] = []
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
    """The distribution's name for itself."""
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def mpi_version() -> str | None:
    """The MPI library's own words, if this process has loaded it."""
    import sys

    library = sys.modules.get("mpi4py.MPI")
    return str(library.Get_library_version()).split("\x00")[0].splitlines()[0].strip() if library else None


def version(package: str) -> str | None:
    """Of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def file_system(folder: Path) -> dict[str, Any]:
    """Type and free space of what a folder lies on. ``kind`` "tmpfs" tells that reads there are reads of memory."""
    best, kind = "", None
    for line in (read_text(PROC / "self/mounts") or "").splitlines():
        words = line.split()
        if len(words) > 2 and folder.resolve().is_relative_to(words[1]) and len(words[1]) >= len(best):
            best, kind = words[1], words[2]
    free = psutil.disk_usage(str(folder)).free / 2**30 if folder.is_dir() else math.nan
    return {"kind": kind, "free_gib": None if math.isnan(free) else round(free, 1)}
