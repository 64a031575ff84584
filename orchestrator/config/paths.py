"""One rule for all paths in configurations: ``~`` and ``$VARIABLE`` mean what they mean in a shell."""

from __future__ import annotations

import os
import re
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from orchestrator.errors import UsageError

EXPANDED = (
    "results",
    "cluster.paths.results",
    "cluster.paths.data",
    "cluster.python",
    "benchmark.download.folder",
    "benchmark.inference.checkpoint",
    "store.url",
)
"""Keys of paths that are the same on all machines: expanded where a configuration is composed."""
EXPANDED_LATER = (
    "cluster.paths.scratch",
    "benchmark.probe.local_folder",
    "notify.mail.sendmail",
    "notify.smtp.password_file",
    "notify.webhook.url_file",
)
"""Keys of paths that are each node's, or the notifying host's own: expanded there, by the same rule."""
CONFIG_DIR = "ORCHESTRATOR_CONFIG_DIR"
HOME_FOLDER = "ORCHESTRATOR_HOME"
IN_HOME = "sciml-orchestrator"
DATABASE_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)(.*)", re.DOTALL)
VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def usual_folder(name: str) -> str:
    """Return where results or data are kept if nothing says so: in the folder of the variable HOME_FOLDER, else in a
    folder of that name below the one where the command is given.
    """
    home = os.environ.get(HOME_FOLDER)
    return str(Path(home, name)) if home else name


def site_folder() -> str | None:
    """Return the site's folder of configurations where no --config-dir names one: that of the variable CONFIG_DIR, else
    IN_HOME below ``$XDG_CONFIG_HOME`` or ``~/.config``, if it is there.
    """
    named = os.environ.get(CONFIG_DIR)
    if named:
        return named
    try:
        home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", IN_HOME)
        return str(home) if home.is_dir() else None
    except (RuntimeError, OSError):
        # No home, or one that may not be looked into.
        return None


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


def expand_store(text: str) -> str:
    """Return the store's URL with the path of a database's file expanded; a server's as it is, since ``$`` may be in
    its password.
    """
    file = DATABASE_FILE.fullmatch(text)
    return file[1] + expand_path("store.url", file[2]) if file else text


def default_url(results: Path) -> str:
    """Return the URL of the embedded store of a results folder."""
    return f"sqlite:///{results / 'store.sqlite'}"


def store_file(url: str) -> Path | None:
    """Return the file of the store of a URL, links followed; None of a server's store and of one with options."""
    file = DATABASE_FILE.fullmatch(url)
    if not file or not file[2] or file[2] == ":memory:" or file[2].startswith("file:") or "?" in file[2]:
        return None
    return Path(file[2]).resolve()


def expand_paths(config: MutableMapping[Any, Any]) -> None:
    """Expand in place the paths of a resolved configuration that are the same on all machines."""
    for key in EXPANDED:
        *sections, name = key.split(".")
        section: Any = config
        for step in sections:
            section = section.get(step) or {}
        if isinstance(section.get(name), str):
            text = section[name]
            section[name] = expand_store(text) if key == "store.url" else expand_path(key, text)
