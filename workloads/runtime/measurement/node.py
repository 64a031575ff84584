"""What this process sees of its node, in a few milliseconds: what is compared with the cluster profile's promise."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from orchestrator.records import AcceleratorInventory, NodeInventory
from orchestrator.records.choices import HIDES_DEVICES
from orchestrator.records.processors import count_units, read_text

INTERFACES = Path("/sys/class/net")
DEVICES = Path("/dev")
ACCELERATOR_FILES = ("nvidia*", "nvhost*", "nvgpu*", "nvmap*", "kfd", "dxg")
"""Without any of these torch finds no accelerator: what NVIDIA's and AMD's drivers make, also in Jetson and WSL."""


def describe_node(accelerators: bool = True) -> NodeInventory:
    """Architecture, cores, memory, interfaces that are up, and the accelerators that torch lets this process use."""
    node: NodeInventory = {
        "processor": {"architecture": platform.machine(), "cores": count_units()["cores"]},
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "network": [{"name": name} for name in interfaces_up()],
    }
    return {**node, "accelerators": visible_accelerators()} if accelerators else node


def interfaces_up(folder: Path | None = None) -> list[str]:
    """Network interfaces that are not down, by name, without the loopback."""
    found = sorted((INTERFACES if folder is None else folder).glob("*"))
    return [path.name for path in found if path.name != "lo" and read_text(path / "operstate") not in (None, "down")]


def may_have_accelerators(folder: Path | None = None) -> bool:
    """Whether torch may find an accelerator, told without it: importing it takes a second."""
    devices = DEVICES if folder is None else folder
    return any(True for pattern in ACCELERATOR_FILES for _ in devices.glob(pattern))


def visible_accelerators() -> list[AcceleratorInventory]:
    """The accelerators that this process may use, as torch names them."""
    if not may_have_accelerators():
        return []
    import torch

    from workloads.runtime.devices import computes_in_bfloat16

    if not torch.cuda.is_available():
        return []
    found: list[AcceleratorInventory] = []
    for index in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(index)
        found.append(
            {
                "name": facts.name,
                "uuid": str(getattr(facts, "uuid", index)),
                "memory_mib": facts.total_memory // 2**20,
                "bfloat16": computes_in_bfloat16(torch.device("cuda", index)),
            }
        )
    return found


def hiding_variables() -> list[str]:
    """The variables that are set here and may hide accelerators, as a shell would write them."""
    return [f"{name}={os.environ[name]}" for name in HIDES_DEVICES if name in os.environ]
