"""Refuses values that could harm a shell, a batch script or a file. Accepted values arrive unchanged."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from orchestrator.config.redaction import SECRET_NAME
from orchestrator.errors import UsageError
from orchestrator.records.settings import Configuration

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
SLURM_VALUE = re.compile(r"[\w.,:=+*/@%&|()\[\]!~^ -]*")
"""Characters of partitions, constraints, node lists and other values of sbatch."""
OPTION = re.compile(r"[a-z][a-z0-9-]*")
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def refuse_unsafe(config: Configuration) -> None:
    """Raise UsageError, naming the key, for the first value that would not arrive unchanged.

    Lines of ``cluster.setup`` are shell code by purpose, and their author's responsibility.
    """
    cluster = config["cluster"]
    for key, text in texts(cluster, "cluster"):
        if CONTROL.search(text):
            raise UsageError(f"{key}={text!r}: line breaks and control characters cannot stand in a profile's value.")
    for key, text in texts({"results": config["results"], "paths": cluster["paths"]}, ""):
        if CONTROL.search(text):
            raise UsageError(f"{key.strip('.')}={text!r}: control characters cannot stand in a path.")
    refuse_unsafe_options = OPTIONS_OF.get(cluster["scheduler"])
    if refuse_unsafe_options is not None:
        refuse_unsafe_options(config)
    for name in cluster["environment"]:
        if not VARIABLE.fullmatch(name):
            raise UsageError(f"cluster.environment.{name}: variables are named with letters, digits and '_'.")
        if SECRET_NAME.search(name):
            raise UsageError(
                f"cluster.environment.{name} looks like a secret, and configurations are written to files: export it "
                "in the shell that submits instead, from where it reaches the ranks."
            )


def refuse_unsafe_slurm(config: Configuration) -> None:
    """Raise UsageError for a value that cannot stand in the head of a batch script."""
    slurm = config["cluster"]["slurm"]
    if "%" in str(config["results"]):
        raise UsageError(f"results={config['results']}: Slurm replaces '%' in file names; choose a folder without.")
    for key, text in texts(slurm, "cluster.slurm"):
        if not SLURM_VALUE.fullmatch(text):
            raise UsageError(f"{key}={text!r}: not a value that sbatch takes (no quotes, '$', ';', '#' or backslash).")
    for option in slurm["additional"]:
        if not OPTION.fullmatch(str(option)):
            raise UsageError(f"cluster.slurm.additional.{option}: sbatch's options are small letters, digits and '-'.")


OPTIONS_OF: Mapping[str, Callable[[Configuration], None]] = {"slurm": refuse_unsafe_slurm}
"""By scheduler: what refuses options that would not reach it as they stand. One without options of its own has none."""


def texts(node: Any, key: str) -> Iterator[tuple[str, str]]:
    """Yield the strings in a configuration with their dotted keys."""
    if isinstance(node, Mapping):
        for name, value in node.items():
            yield from texts(value, f"{key}.{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from texts(value, f"{key}[{index}]")
    elif isinstance(node, str):
        yield key, node
