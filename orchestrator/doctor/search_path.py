"""Packages that PYTHONPATH puts in front of this installation's, as module systems do. Imports none of them."""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from pathlib import Path

PACKAGES = ("numpy", "torch", "h5py", "mpi4py", "horovod", "hydra", "omegaconf", "sqlalchemy", "scipy", "rich")


def foreign_packages() -> dict[str, str]:
    """Return the packages that PYTHONPATH puts before this environment's own: the folder of each, by name."""
    found = {}
    for folder in foreign_folders():
        for name in PACKAGES:
            if name not in found and PathFinder.find_spec(name, [folder]) is not None:
                found[name] = folder
    return found


def foreign_folders() -> list[str]:
    """The folders of PYTHONPATH that lie outside of this environment."""
    own = Path(sys.prefix).resolve()
    named = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry]
    return [entry for entry in named if not Path(entry).resolve().is_relative_to(own)]


def describe_foreign(found: dict[str, str]) -> str:
    """The packages with their folders, for people."""
    return ", ".join(f"{name} from {folder}" for name, folder in found.items())


def leave_foreign() -> None:
    """From now on this process imports this installation's packages alone."""
    folders = set(foreign_packages().values())
    sys.path[:] = [entry for entry in sys.path if entry not in folders]
