"""What ranks would find on this machine, asked of a process that may import what they import."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from orchestrator.launch.job import PROJECT
from orchestrator.records import Compared, NodeInventory, RecordError, check_record, compare_node
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.settings import ClusterSettings

QUERY_SECONDS = 120.0
DESCRIBE = """
import json
from workloads.runtime.measurement.node import describe_node
print(json.dumps(describe_node(accelerators={accelerators})))
"""


def compare_this_machine(cluster: ClusterSettings) -> list[Compared]:
    """Compare a profile of this very machine with it; nothing where the profile promises nothing, or is of another one.

    Ranks that run with another Python, or in a container, may find another machine.
    """
    promises = (
        cluster["accelerators_per_node"], cluster["cores_per_node"], cluster["interconnect"]["interface"],
        cluster.get("architecture"), cluster.get("memory_gib_per_node"),
    )  # fmt: skip
    elsewhere = cluster["python"] or cluster["container"] or not SCHEDULERS[cluster["scheduler"]].here
    if elsewhere or not any(promises):
        return []
    node = describe_this_machine(accelerators=bool(cluster["accelerators_per_node"]))
    return [] if node is None else compare_node(cluster, node, used=cluster["ranks_per_node"])


def describe_this_machine(accelerators: bool) -> NodeInventory | None:
    """What a rank would see here; None if nothing can be asked. To look for accelerators takes seconds."""
    words = [sys.executable, "-c", DESCRIBE.format(accelerators=accelerators)]
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")]))
    try:
        answer = subprocess.run(
            words, capture_output=True, encoding="utf-8", errors="replace", timeout=QUERY_SECONDS,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        return check_record(json.loads(answer.stdout.strip().splitlines()[-1]), NodeInventory, "this machine")
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError, RecordError):
        return None
