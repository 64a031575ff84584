"""Findings, and the check that imports the packages that ranks need, here or on a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from orchestrator.records import Compared, NodeInventory, compare_node
from orchestrator.records.choices import COMMUNICATORS, PACKAGES, remedy_for
from orchestrator.records.settings import ClusterSettings

NODE = "__import__('workloads.runtime.measurement.node', fromlist=['describe_node']).describe_node()"
PROBE = f"""
import json
found = {{}}
for name, proof in {[*((name, package.proof) for name, package in PACKAGES.items()), ("node", NODE)]!r}:
    try:
        found[name] = eval(proof)
    except BaseException as error:
        found[name] = f"!{{type(error).__name__}}: {{error}}"
print(json.dumps(found))
"""
"""Run in a process of its own: the login-node side imports none of these."""


@dataclass(frozen=True)
class Finding:
    """``state`` is "ok", "warning" or "error"; ``remedy`` says how to resolve the last two."""

    subject: str
    state: str
    detail: str
    remedy: str = ""


def packages_of(found: Mapping[str, Any], comm: str, where: str = "") -> list[Finding]:
    """Return findings on packages from the probe's output, here or on a node. Those that ``comm`` does not need may be
    missing.
    """
    findings = []
    for name in PACKAGES:
        value = str(found[name])
        if value.startswith("!"):
            state = "error" if name in COMMUNICATORS[comm].needs else "warning"
            findings.append(Finding(where + name, state, value[1:], remedy_for(name)))
        else:
            findings.append(Finding(where + name, "ok", value))
    return findings


def promises_of(found: Mapping[str, Any], cluster: ClusterSettings, where: str = "") -> list[Finding]:
    """Return findings on what a node has beside what the profile promises, from the probe's output. There are none if
    torch is missing, which has a finding of its own.
    """
    node = found["node"]
    if not isinstance(node, dict):
        remedy = "correct cluster.container or cluster.python: ranks need this project there too"
        found_out = Finding(f"{where}machine", "warning", f"could not be described: {str(node)[1:]}", remedy)
        return [] if "'torch'" in str(node) else [found_out]
    return [
        Finding(f"{where}{one['what']}", one["state"], detail_of(one), one["remedy"])
        for one in compare_node(cluster, cast("NodeInventory", node))
    ]


def detail_of(compared: Compared) -> str:
    """What was found, and what was promised where that is another thing."""
    if compared["state"] == "ok":
        return compared["found"]
    return f"{compared['found']}; the profile promises {compared['promised']}"


def accelerators_of(found: Mapping[str, Any]) -> list[Finding]:
    """Return a finding on the accelerators of a machine of which the profile promises nothing."""
    node = found["node"]
    if not isinstance(node, dict):
        return []
    names = ", ".join(str(one.get("name")) for one in node.get("accelerators", []))
    return [Finding("accelerators", "ok", names or "none; ranks compute on cores")]
