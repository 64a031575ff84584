"""Packages that PYTHONPATH puts in front of this installation's, as module systems do. Imports none of them."""

from __future__ import annotations

import os
import re
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import Distribution

OURS = "sciml-orchestrator"
"""The distribution whose requirements are meant."""
BUILT = ("horovod",)
"""Packages that setting up builds, and no requirement names."""


def foreign_packages() -> dict[str, str]:
    """Return the packages that PYTHONPATH puts before this environment's own: the folder of each, by name."""
    folders = foreign_folders()
    names = required_packages([entry for entry in sys.path if entry not in folders]) if folders else []
    found: dict[str, str] = {}
    for folder in folders:
        for name in names:
            spec = PathFinder.find_spec(name, [folder])
            # A folder without a module in it hides nothing that comes later.
            if spec is not None and spec.origin is not None:
                found.setdefault(name, folder)
    return found


def required_packages(path: list[str]) -> list[str]:
    """Return the names under which this program's requirements, and theirs in turn, are imported, as far as the search
    path has them; of everything there if the program itself is not installed.
    """
    # It takes a tenth of a second, and few have a PYTHONPATH.
    from importlib.metadata import Distribution

    installed = {plain_name(one.metadata["Name"] or ""): one for one in Distribution.discover(path=path)}
    own = installed.pop(OURS, None)
    waiting, names = list(installed) if own is None else requirements(own), set(BUILT)
    while waiting:
        one = installed.pop(waiting.pop(), None)
        if one is not None:
            waiting += requirements(one)
            listed = one.read_text("top_level.txt")
            modules = [file.parts[0].partition(".")[0] for file in one.files or [] if file.suffix in (".py", ".so")]
            names |= set(listed.split() if listed else modules)
    return sorted(filter(str.isidentifier, names))


def requirements(distribution: Distribution) -> list[str]:
    """Return the plain names of what a distribution needs, without its extras."""
    return [plain_name(text) for text in distribution.requires or [] if "extra ==" not in text]


def plain_name(requirement: str) -> str:
    """Return the name at the beginning of a requirement, in the one spelling of all that are equal."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", requirement, maxsplit=1)[0]).lower()


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
