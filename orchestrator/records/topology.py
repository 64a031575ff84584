"""The processors of a machine as Linux tells them, and how much of them this process may use.

Every count of cores in the program comes from here. Standard library alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

HIP_HIDES = ("HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")
"""Variables that hide accelerators from HIP; the first that is set counts."""
ROOT = Path("/")
SYSTEM = "sys/devices/system"


@dataclass(frozen=True)
class Core:
    """One physical core: the numbers of its hardware threads that are meant, and of its NUMA domain. ``number`` is that
    of its first thread, whichever may be used.
    """

    number: int
    threads: tuple[int, ...]
    domain: int = 0


@dataclass(frozen=True)
class Topology:
    """A machine's cores, in the order of their NUMA domains. ``allowed`` are the hardware threads that this process may
    run on: its affinity, which the kernel keeps within the control group's cpuset. ``quota`` is how many processors'
    time the control group may use, None without a limit.
    """

    cores: tuple[Core, ...]
    allowed: frozenset[int]
    quota: float | None = None

    @property
    def usable(self) -> tuple[Core, ...]:
        """The cores that this process may run on, each with those of its threads that are allowed."""
        cut = (replace(core, threads=tuple(sorted(self.allowed & set(core.threads)))) for core in self.cores)
        return tuple(core for core in cut if core.threads)

    @property
    def usable_cores(self) -> int:
        """How many cores can compute at once for this process, at least 1. Threads of one core count once."""
        return self._within_quota(len(self.usable))

    @property
    def usable_threads(self) -> int:
        """How many hardware threads can run at once for this process, at least 1."""
        return self._within_quota(len(self.allowed))

    @property
    def limits(self) -> list[str]:
        """What keeps this process from some of the cores, in words."""
        found = []
        if len(self.usable) < len(self.cores):
            found.append(f"its affinity allows {format_cpus(self.allowed)}")
        if self.quota is not None and self.quota < len(self.usable):
            found.append(f"its control group has a quota of {self.quota:g} processors' time")
        return found

    def _within_quota(self, count: int) -> int:
        return max(1, count if self.quota is None else min(count, int(self.quota)))


def read_topology(root: Path = ROOT, allowed: frozenset[int] | None = None) -> Topology:
    """Read the topology of this machine, or of a copy of its /sys and /proc under ``root``, with another affinity.

    Without a topology in /sys every allowed hardware thread counts as a core.
    """
    if allowed is None:
        allowed = own_affinity()
    cores = read_cores(root / SYSTEM) or tuple(Core(thread, (thread,)) for thread in sorted(allowed))
    return Topology(cores, allowed, read_quota(root))


def own_affinity() -> frozenset[int]:
    """Return the hardware threads that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))


@cache
def read_cores(system: Path = ROOT / SYSTEM) -> tuple[Core, ...]:
    """Read the cores from /sys/devices/system, ordered by NUMA domain; none where the kernel tells none. They stay for
    as long as a process lives, and are read once.

    A core is a set of threads that share it: core numbers repeat between packages, and on Arm within them.
    """
    domains = {
        thread: int(node.name.removeprefix("node"))
        for node in system.glob("node/node[0-9]*")
        for thread in parse_cpus(_read(node / "cpulist"))
    }
    found = set()
    for unit in system.glob("cpu/cpu[0-9]*/topology"):
        siblings = _read(unit / "core_cpus_list") or _read(unit / "thread_siblings_list")
        threads = parse_cpus(siblings)
        if threads:
            found.add(Core(threads[0], threads, domains.get(threads[0], 0)))
    return tuple(sorted(found, key=lambda core: (core.domain, core.number)))


def read_quota(root: Path = ROOT) -> float | None:
    """Read how many processors' time the control groups of this process may use, of both versions; the least one
    counts, and a group's limit holds for the groups within. None without a limit.
    """
    quotas = [quota for folder in _control_groups(root) if (quota := _quota_of(folder)) is not None]
    return min(quotas, default=None)


def visible_accelerators(environment: Mapping[str, str], root: Path = ROOT) -> tuple[str, ...]:
    """Return the accelerators that programs of this environment see, in their order: by UUID where the driver tells
    it, so that one device has one name in every shell, and else by number.

    The drivers' files are enough: NVIDIA's in /proc, AMD's in /sys. Numbers are taken in the order of the bus, which
    ranks are given (CUDA_DEVICE_ORDER): CUDA's own differs where models do.
    """
    nvidia, amd = nvidia_devices(root), amd_devices(root)
    hip = next((environment[name] for name in HIP_HIDES if name in environment), None)
    rocr = environment.get("ROCR_VISIBLE_DEVICES")
    cuda = environment.get("CUDA_VISIBLE_DEVICES")
    if nvidia or (not amd and rocr is None and hip is None):
        return select_devices(nvidia, cuda)
    # HIP counts what ROCR leaves, and takes CUDA's variable for its own where that is not set.
    left = select_devices(amd, rocr)
    return left if rocr is not None and not left else select_devices(left, cuda if hip is None else hip)


def select_devices(devices: Sequence[str], chosen: str | None) -> tuple[str, ...]:
    """Return those of the devices that a variable's value names, by number or by the beginning of a UUID; all without
    one. As for CUDA and HIP the list ends before the first entry that names none ("0,-1,1" is 0; "NoDevFiles" is
    nothing). Where no devices are known, names are believed.
    """
    if chosen is None:
        return tuple(devices)
    found: list[str] = []
    for word in map(str.strip, chosen.split(",")):
        if word.isdecimal():
            names = [word] if not devices else devices[int(word) : int(word) + 1]
        elif word.startswith(("GPU-", "MIG-")):
            whole = [name for name in devices if name.lower().startswith(word.lower())]
            # A part of a GPU, and any UUID where the driver does not tell them, keeps the name that it is given.
            names = whole if whole else [word] if word.startswith("MIG-") or all(map(str.isdecimal, devices)) else []
        else:
            names = []
        if len(names) != 1:
            break
        found.append(names[0])
    return tuple(found)


def nvidia_devices(root: Path = ROOT) -> tuple[str, ...]:
    """Return the UUIDs of NVIDIA's accelerators in the order of the bus; numbers where the driver does not tell them
    all. One that is not ready has question marks for a UUID.
    """
    texts = [_read(folder / "information") for folder in sorted(root.glob("proc/driver/nvidia/gpus/*"))]
    found = [re.search(r"^GPU UUID:\s*(GPU-[0-9a-f-]+)$", text, re.MULTILINE) for text in texts]
    return _names([match[1] if match else None for match in found])


def amd_devices(root: Path = ROOT) -> tuple[str, ...]:
    """Return the UUIDs of AMD's accelerators as ROCR knows them, in the order of its driver's nodes; numbers where it
    does not tell them all.
    """
    folders = root.glob("sys/class/kfd/kfd/topology/nodes/*")
    numbered = sorted((folder for folder in folders if folder.name.isdecimal()), key=lambda folder: int(folder.name))
    texts = [_read(folder / "properties") for folder in numbered]
    texts = [text for text in texts if re.search(r"^simd_count [1-9]", text, re.MULTILINE)]
    found = [re.search(r"^unique_id ([1-9]\d*)$", text, re.MULTILINE) for text in texts]
    return _names([f"GPU-{int(match[1]):016x}" if match else None for match in found])


def parse_cpus(text: str) -> tuple[int, ...]:
    """Return the numbers in a list as Linux writes it: "0-2,64" is 0, 1, 2, 64."""
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", text):
        numbers.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(numbers))


def format_cpus(numbers: frozenset[int] | tuple[int, ...]) -> str:
    """Return the list as Linux writes it: 0, 1, 2, 64 is "0-2,64"."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


@cache
def _control_groups(root: Path) -> tuple[Path, ...]:
    """The folders of this process's control groups that may limit its time, and of all groups around them."""
    found: list[Path] = []
    own = [line.split(":", 2) for line in _read(root / "proc/self/cgroup").splitlines() if line.count(":") >= 2]
    for mount, mount_root, version in _mounts(root):
        for _, controllers, path in own:
            if ("cpu" in controllers.split(",")) if version == 1 else not controllers:
                # In a container the mount may show a group of the host as its root.
                inner = path[len(mount_root) :] if mount_root != "/" and path.startswith(mount_root) else path
                folder = mount / inner.strip("/")
                found += [folder, *(parent for parent in folder.parents if parent.is_relative_to(mount))]
    return tuple(found)


def _mounts(root: Path) -> Iterator[tuple[Path, str, int]]:
    """Yield where control groups are mounted that limit time: folder, the group shown as its root, version."""
    for line in _read(root / "proc/self/mountinfo").splitlines():
        before, separator, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if not separator or len(fields) < 5 or not kind:
            continue
        if kind[0] == "cgroup2" or (kind[0] == "cgroup" and "cpu" in kind[-1].split(",")):
            yield root / fields[4].lstrip("/"), fields[3], 2 if kind[0] == "cgroup2" else 1


def _quota_of(folder: Path) -> float | None:
    """Return the quota in a control group's folder: "200000 100000" of version 2, or the two files of version 1."""
    words = _read(folder / "cpu.max").split() or [
        _read(folder / "cpu.cfs_quota_us"),
        _read(folder / "cpu.cfs_period_us"),
    ]
    try:
        quota, period = float(words[0]), float(words[1])
    except (ValueError, IndexError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def _names(uuids: Sequence[str | None]) -> tuple[str, ...]:
    """Return the UUIDs, or numbers unless each device has one of its own."""
    known = [uuid for uuid in uuids if uuid is not None]
    return tuple(known) if len(set(known)) == len(uuids) else tuple(map(str, range(len(uuids))))


def _read(path: Path) -> str:
    """Return a small file's text, "" if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
