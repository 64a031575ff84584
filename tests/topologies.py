"""Machines as Linux shows them: trees of /sys and /proc made of ``lscpu`` and of control groups' files."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

# What `lscpu -p=CPU,CORE,SOCKET,NODE` prints.
EPYC_TWO_SOCKETS = "\n".join(
    ["# The following is the parsable format, which can be fed to other", "# CPU,Core,Socket,Node"]
    + [f"{cpu},{cpu % 128},{cpu % 128 // 64},{cpu % 128 // 64}" for cpu in range(256)]
)
"""Two processors of 64 cores with two threads each: the second thread of core n is n + 128."""
DESKTOP = "# CPU,Core,Socket,Node\n0,0,0,0\n1,0,0,0\n2,1,0,0\n3,1,0,0\n4,2,0,0\n5,3,0,0\n6,4,0,0\n7,5,0,0\n"
"""Two fast cores with two neighbouring threads, four small ones with one."""
GRACE = "\n".join(f"{cpu},{cpu},{cpu // 72},{cpu // 72}" for cpu in range(144))
"""Two processors of 72 cores with one thread each."""
POWER9 = "\n".join(f"{cpu},{cpu // 4},{cpu // 16},{8 * (cpu // 16)}" for cpu in range(32))
"""Two processors of four cores with four threads each, in NUMA nodes 0 and 8."""

VERSION_1 = "29 28 0:26 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
VERSION_1_OF_DOCKER = "29 28 0:26 /docker/f00 /sys/fs/cgroup/cpu,cpuacct ro,nosuid - cgroup cgroup rw,cpu,cpuacct\n"
VERSION_2 = "29 28 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"


def write_machine(root: Path, lscpu: str, files: dict[str, str] | None = None, mounts: str = "") -> Path:
    """A tree of /sys/devices/system as that machine has it, and further files: groups and their limits."""
    siblings: dict[tuple[str, str], list[str]] = defaultdict(list)
    nodes: dict[str, list[str]] = defaultdict(list)
    rows = [line.split(",") for line in lscpu.splitlines() if line and not line.startswith("#")]
    for cpu, core, socket, node in rows:
        siblings[core, socket].append(cpu)
        nodes[node].append(cpu)
    system = root / "sys/devices/system"
    for cpu, core, socket, _ in rows:
        topology = system / f"cpu/cpu{cpu}/topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(",".join(siblings[core, socket]) + "\n")
        (topology / "physical_package_id").write_text(f"{socket}\n")
        (topology / "core_id").write_text(f"{core}\n")
    for node, cpus in nodes.items():
        (system / f"node/node{node}").mkdir(parents=True)
        (system / f"node/node{node}/cpulist").write_text(",".join(cpus) + "\n")
    for name, text in {"proc/self/mountinfo": mounts, **(files or {})}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
