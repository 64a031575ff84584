"""Refuses values that could harm a shell, a batch script or a file, whichever group they stand in. Accepted values
arrive unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from orchestrator.config.owned import refuse_owned, refuse_owned_words
from orchestrator.config.redaction import holds_secret, is_secret_name
from orchestrator.errors import UsageError
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.control import CONTROL, NO_TEXT

SLURM_VALUE = re.compile(r"[\w.,:=+*/@%&|()\[\]!~^ -]*")
"""Characters of partitions, constraints, node lists and other values of sbatch."""
OPTION = re.compile(r"[a-z][a-z0-9-]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

ENVIRONMENTS = ("cluster.environment", "schedule.environment")
"""Mappings of variables that a shell exports, or that ranks are given."""
SLURM_GROUPS = ("cluster.slurm", "schedule.slurm")
"""What stands in the head of a batch script, or in Slurm's crontab."""
HANDED_OVER = ("store.url", "notify.webhook.url")
"""Addresses that may hold a secret: it is left out of every file that is read again, or stays in its owner's alone."""

LONGEST_NAME, LONGEST_PATH, LONGEST_TEXT = 255, 4000, 32_000
"""Bytes of a file's name, of a path (Linux: 255 and 4096), and of any other text."""


def refuse_unsafe(config: Mapping[str, Any]) -> None:
    """Raise UsageError, naming the key, for the first value that would not arrive unchanged, or that must not be
    written.

    Lines of ``cluster.setup`` are shell code by purpose, and their author's responsibility.
    """
    refuse_unsafe_texts(config)
    for group in ENVIRONMENTS:
        for name in part_of(config, group):
            check_variable(f"{group}.{name}", name)
    cluster = config["cluster"]
    refuse_owned_words("cluster.launcher_options", cluster["launcher_options"], cluster["launcher"])
    refuse_unsafe_options = OPTIONS_OF.get(cluster["scheduler"])
    if refuse_unsafe_options is not None:
        refuse_unsafe_options(config)


def refuse_unsafe_texts(config: Mapping[str, Any]) -> None:
    """Raise UsageError, naming the key, for a text that is no single line, is too long, or holds a secret."""
    for key, text in texts(config):
        refuse_unsafe_text(key, text)


@lru_cache(maxsize=10_000)
def refuse_unsafe_text(key: str, text: str) -> None:
    """Raise UsageError for one text of a configuration. Those of a sweep are nearly all the same, and pass once."""
    refuse_control(key, text)
    if key not in HANDED_OVER and holds_secret(text):
        refuse_secret(key)


def refuse_control(key: str, text: str) -> None:
    """Raise UsageError for a text that is no single line, or longer than the system takes."""
    if NO_TEXT.search(text):
        raise UsageError(f"{key}={text!a}: is not text in UTF-8; rename what is named so, or choose another.", key=key)
    if CONTROL.search(text):
        raise UsageError(
            f"{key}={text!r}: line breaks and control characters cannot stand in a value; leave them out.", key=key
        )
    size = len(text.encode())
    # A word without "/" may become a file's name, and one with it a path.
    names = max(len(name.encode()) for name in text.split("/"))
    if is_place(key) and (names > LONGEST_NAME or size > LONGEST_PATH):
        raise UsageError(
            f"{key}={text[:40]}…: no file system takes names of {names} bytes in a path of {size}; the most are "
            f"{LONGEST_NAME} and {LONGEST_PATH}.",
            key=key,
        )
    if size > LONGEST_TEXT:
        raise UsageError(f"{key}={text[:40]}…: {size} bytes are more than the {LONGEST_TEXT} of a value.", key=key)


PLACES = ("results", "cluster.paths.", "cluster.python", "checkpoint", "folder", "_file", "sendmail")
"""Parts of keys that name a file or folder."""


def is_place(key: str) -> bool:
    """Whether a key names a file or folder."""
    return any(part in key for part in PLACES)


def refuse_secret(key: str) -> None:
    """Raise UsageError for a key whose name or value is a secret. It says how a secret is handed over."""
    name = key.rpartition(".")[2]
    variable = name if VARIABLE.fullmatch(name) and key.startswith(ENVIRONMENTS) else "NAME"
    raise UsageError(
        f"{key} looks like a secret, and configurations are written to files; set and export {variable} in the shell "
        "that submits instead, from where it reaches the ranks by its name (through mpirun on other nodes by "
        f"\"cluster.launcher_options=['-x',{variable}]\").",
        key=key,
    )


def check_variable(key: str, name: str) -> None:
    """Raise UsageError for a name that no variable has, or that a secret has."""
    if not VARIABLE.fullmatch(name):
        raise UsageError(f"{key}: variables are named with letters, digits and '_'.", key=key)
    if is_secret_name(name):
        refuse_secret(key)


def refuse_unsafe_slurm(config: Mapping[str, Any]) -> None:
    """Raise UsageError for a value that cannot stand in the head of a batch script."""
    refuse_unsafe_folder("results", Path(config["results"]), "slurm")
    for group in SLURM_GROUPS:
        slurm = part_of(config, group)
        for key, text in texts(slurm, group):
            if not SLURM_VALUE.fullmatch(text):
                raise UsageError(
                    f"{key}={text!r}: not a value that sbatch takes (no quotes, '$', ';', '#' or backslash).", key=key
                )
        for option in slurm.get("additional", {}):
            if not OPTION.fullmatch(str(option)):
                place = f"{group}.additional.{option}"
                raise UsageError(f"{place}: sbatch's options are small letters, digits and '-'.", key=place)
            if is_secret_name(str(option)):
                refuse_secret(f"{group}.additional.{option}")
        refuse_owned(f"{group}.additional", slurm.get("additional", {}), slurm)


OPTIONS_OF: Mapping[str, Callable[[Mapping[str, Any]], None]] = {"slurm": refuse_unsafe_slurm}
"""By scheduler: what refuses options that would not reach it as they stand. One without options of its own has none."""


def refuse_unsafe_folder(key: str, folder: Path, scheduler: str) -> None:
    """Raise UsageError for a folder whose name cannot stand in what a scheduler or the clock executes."""
    refuse_control(key, str(folder))
    replaced = SCHEDULERS[scheduler].replaced_in_paths
    if replaced and replaced in str(folder):
        raise UsageError(
            f"{key}={folder}: {scheduler.capitalize()} replaces '{replaced}' in file names; choose a folder without.",
            key=key,
        )


def part_of(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return the mapping at a dotted key; empty where the configuration has no such group."""
    node: Any = config
    for name in key.split("."):
        node = node.get(name) or {}
    return dict(node)


def texts(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield the strings in a configuration, names in mappings too, with their dotted keys."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            here = f"{key}.{name}" if key else str(name)
            if CONTROL.search(str(name)):
                yield ascii(here)[1:-1], str(name)
            yield from texts(value, here)
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from texts(value, f"{key}[{index}]")
    elif isinstance(node, str):
        yield key, node
