"""What a node is made of, as the probe finds it: everything may be missing, and what cannot be read is null."""

from __future__ import annotations

from typing import TypedDict


class ProcessorInventory(TypedDict, total=False):
    """A node's processors; ``caches`` are sizes by level ("L1d": "64K"), ``usable`` the threads that a process may
    run on.
    """

    name: str
    microcode: str | None
    model: str
    architecture: str
    cores: int | None
    threads: int | None
    sockets: int | None
    numa_nodes: int | None
    caches: dict[str, str]
    usable: int
    last_level_cache: str | None
    governor: str | None


class AcceleratorInventory(TypedDict, total=False):
    """One accelerator; the vendors' tools write numbers as text. One that does not answer has an ``error`` and no
    name. ``bfloat16``: whether it has units for that.
    """

    name: str
    uuid: str | None
    bus: str | None
    driver: str | None
    firmware: str | None
    memory_mib: int | str | None
    link_generation: int | str | None
    link_width: int | str | None
    uncorrected_errors: int | str | None
    throttled: str | None
    bfloat16: bool
    index: int
    error: str


class NetworkInventory(TypedDict, total=False):
    """A network interface, or an InfiniBand or similar device."""

    name: str
    mbit_per_s: int | None
    mtu: int
    driver: str | None
    firmware: str | None
    board: str | None
    rate: str | None
    state: str | None


class FileSystemInventory(TypedDict):
    """Type and free space of a file system."""

    kind: str | None
    free_gib: float | None


class FirmwareInventory(TypedDict, total=False):
    """Firmware, and the maker's names for board and machine."""

    bios: str | None
    board: str | None
    vendor: str | None
    product: str | None
    microcode: str | None


class FileSystems(TypedDict, total=False):
    """Where the data are, and the node's own disk."""

    shared: FileSystemInventory
    local: FileSystemInventory


class NodeInventory(TypedDict, total=False):
    """Hardware, firmware and software of one node."""

    processor: ProcessorInventory
    memory_gib: float
    accelerators: list[AcceleratorInventory]
    network: list[NetworkInventory]
    firmware: FirmwareInventory
    kernel: str
    system: str | None
    mpi: str | None
    packages: dict[str, str | None]
    files: FileSystems
