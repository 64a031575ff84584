"""One rule for all paths in configurations: ``~`` and ``$VARIABLE`` mean what they mean in a shell."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError

VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def expand_path(key: str, text: str) -> str:
    """Return the path with home folders and variables inserted. Raises UsageError, naming the key, for an
    unknown one.
    """
    for match in VARIABLE.finditer(text):
        name = match[1] or match[2]
        if name not in os.environ:
            raise UsageError(f"{key}={text}: {name} is not set here; set it, or write the path out.")
    path = os.path.expandvars(text)
    try:
        return str(Path(path).expanduser()) if path.startswith("~") else path
    except RuntimeError as error:
        who = path.partition("/")[0]
        raise UsageError(f"{key}={text}: no home folder is known for {who}; write the path out.") from error


def expand_paths(config: MutableMapping[Any, Any]) -> None:
    """Expand in place those paths of a resolved configuration that are the same on all machines.

    ``cluster.paths.scratch`` is each node's own and is expanded there, by the same rule.
    """
    if "results" in config:
        config["results"] = expand_path("results", config["results"])
    paths = (config.get("cluster") or {}).get("paths", {})
    for name in ("results", "data"):
        if isinstance(paths.get(name), str):
            paths[name] = expand_path(f"cluster.paths.{name}", paths[name])
