"""The nodes: namespaces on this machine, joined by a bridge."""

from __future__ import annotations

import ipaddress
import json
import shutil

from .layout import (
    BRIDGE,
    CONTROLLER_ADDRESS,
    STATE,
    SUBNET,
    Node,
    Shape,
    TestclusterError,
    controller_name,
)
from .processes import check, kill_inside, last_lines, pid_of, run, start, wait_until

HOSTS = STATE / "etc" / "hosts"

# What a node's first process does: take the name, an own /dev/shm and the cluster's host names, then hold the
# namespaces open. Mounts made here are seen in this node alone.
FIRST_PROCESS = """
set -e
hostname "$1"
mount -t tmpfs -o mode=1777 shm /dev/shm
mount --bind "$2" /etc/hosts
ip link set lo up
touch "$3"
exec sleep infinity
"""


def make_bridge() -> None:
    """Make the bridge that the nodes are cabled to."""
    if run(["ip", "link", "show", BRIDGE]).returncode:
        _refuse_taken_subnet()
        check(["ip", "link", "add", BRIDGE, "type", "bridge"])
    check(["ip", "address", "replace", f"{CONTROLLER_ADDRESS}/24", "dev", BRIDGE])
    check(["ip", "link", "set", BRIDGE, "up"])


def remove_bridge() -> None:
    """Remove the bridge."""
    run(["ip", "link", "delete", BRIDGE])


def write_host_names(shape: Shape) -> None:
    """Write the host names that the nodes see as their /etc/hosts."""
    lines = ["127.0.0.1 localhost", f"{CONTROLLER_ADDRESS} {controller_name()}"]
    lines += [f"{node.address} {node.name}" for node in shape.members()]
    HOSTS.write_text("\n".join(lines) + "\n")


def make_node(node: Node) -> None:
    """Make a node: namespaces held by a first process, a cable to the bridge, an address."""
    if pid_of(_holder(node)) is None:
        remove_node(node)
        _make_namespaces(node)
    if run(["ip", "link", "show", node.link]).returncode:
        _make_cable(node)


def remove_node(node: Node) -> None:
    """Remove a node and every process in it."""
    kill_inside(node)
    run(["ip", "link", "delete", node.link])
    run(["umount", "--lazy", node.network])
    shutil.rmtree(node.folder, ignore_errors=True)


def is_made(node: Node) -> bool:
    """Whether the node's namespaces are there."""
    return pid_of(_holder(node)) is not None


def entering(node: Node) -> list[str]:
    """The command prefix that runs a command on a node.

    ``ip netns exec`` would mount /sys anew, without the control groups that slurmd looks for.
    """
    pid = pid_of(_holder(node))
    if pid is None:
        raise TestclusterError(f"node {node.name} is not there: run `testcluster up`")
    return ["nsenter", f"--target={pid}", "--net", "--uts", "--mount", "--ipc", "--"]


def _make_namespaces(node: Node) -> None:
    node.folder.mkdir(parents=True)
    node.network.touch()
    ready = node.folder / "ready"
    name = _holder(node)
    arguments = [node.name, str(HOSTS), str(ready)]
    start(
        name,
        ["unshare", f"--net={node.network}", "--uts", "--mount", "--ipc", "--",
         "sh", "-c", FIRST_PROCESS, "sh", *arguments],
    )  # fmt: skip
    wait_until(ready.exists, 10, lambda: f"{node.name} could not be made\n{last_lines(name)}", every=0.02)


def _make_cable(node: Node) -> None:
    check(["ip", "link", "add", node.link, "type", "veth", "peer", "name", "eth0", "netns", node.network])
    check(["ip", "link", "set", node.link, "master", BRIDGE, "up"])
    enter = entering(node)
    check([*enter, "ip", "address", "replace", f"{node.address}/24", "dev", "eth0"])
    check([*enter, "ip", "link", "set", "eth0", "up"])


def _refuse_taken_subnet() -> None:
    ours = ipaddress.ip_network(f"{SUBNET}.0/24")
    for interface in json.loads(check(["ip", "-json", "-4", "address", "show"])):
        for address in interface["addr_info"]:
            network = ipaddress.ip_network(f"{address['local']}/{address['prefixlen']}", strict=False)
            if network.overlaps(ours):
                raise TestclusterError(f"{interface['ifname']} of this machine is already on {ours}")


def _holder(node: Node) -> str:
    return f"node-{node.name}"
