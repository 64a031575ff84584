"""No data: an empty folder stands where a data set would."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def folder_name(settings: Mapping[str, Any]) -> str:
    """Always the same."""
    return "noop"


def synthesise(folder: Path, settings: Mapping[str, Any], progress: Callable[[int, int], None], workers: int) -> None:
    """Make the folder."""
    folder.mkdir(parents=True, exist_ok=True)


def verify(folder: Path, settings: Mapping[str, Any], thorough: bool) -> dict[str, Any]:
    """That there is nothing to read."""
    return {"name": "noop", "source": "stand-in", "split": "none", "version": "1", "checksum": "none"}
