"""Findings, and the check that imports the packages that ranks need, here or on a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.records.choices import COMMUNICATORS, PACKAGES, remedy_for

DEVICES = "(lambda cuda: [cuda.get_device_name(n) for n in range(cuda.device_count())])(__import__('torch').cuda)"
PROBE = f"""
import json
found = {{}}
for name, proof in {[*((name, package.proof) for name, package in PACKAGES.items()), ("accelerators", DEVICES)]!r}:
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


def packages_of(found: Mapping[str, Any], comm: str, where: str = "", promised: int = 0) -> list[Finding]:
    """Return findings from the probe's output, here or on a node. Packages that ``comm`` does not need may be
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
    devices = found["accelerators"]
    if isinstance(devices, list) and len(devices) < promised:
        detail = f"the profile promises {promised}, torch sees {len(devices)}"
        remedy = "take the profile of this machine; for processors alone set cluster.accelerators_per_node=0"
        findings.append(Finding(f"{where}accelerators", "error", detail, remedy))
    elif isinstance(devices, list):
        findings.append(Finding(f"{where}accelerators", "ok", ", ".join(devices) or "none; ranks compute on cores"))
    return findings
