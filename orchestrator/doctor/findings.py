"""What a finding is, and those that come from importing the packages that ranks need, here or on a node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PROBE = """
import json, sys
found = {}
def look(name, get):
    try:
        found[name] = get()
    except BaseException as error:
        found[name] = f"!{type(error).__name__}: {error}"
look("torch", lambda: __import__("torch").__version__)
def devices():
    import torch
    return [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
look("accelerators", devices)
look("mpi4py", lambda: __import__("mpi4py.MPI", fromlist=["MPI"]).Get_library_version().splitlines()[0].strip("\\0 "))
look("horovod", lambda: (__import__("horovod.torch"), __import__("horovod").__version__)[1])
print(json.dumps(found))
"""
"""Run in a process of its own: the login-node side imports none of these."""


@dataclass(frozen=True)
class Finding:
    """``state`` is "ok", "warning" or "error"; ``remedy`` says what to do about the last two."""

    subject: str
    state: str
    detail: str
    remedy: str = ""


def packages_of(found: Mapping[str, Any], where: str = "") -> list[Finding]:
    """Findings from what the probe printed, there or on a node."""
    findings = []
    for name in ("torch", "mpi4py", "horovod"):
        value = str(found[name])
        if value.startswith("!"):
            without = " (comm=mpi and comm=torch do without it)" if name == "horovod" else ""
            state = "warning" if name == "horovod" else "error"
            findings.append(Finding(where + name, state, value[1:], f"run `make setup`{without}"))
        else:
            findings.append(Finding(where + name, "ok", value))
    devices = found["accelerators"]
    if isinstance(devices, list):
        findings.append(Finding(f"{where}accelerators", "ok", ", ".join(devices) or "none; ranks compute on cores"))
    return findings
