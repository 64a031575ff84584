"""Options of the probe's file. Imports no compute library, since the command line reads it too."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Model:
    """``benchmark.model``: none."""


@dataclass
class DatasetOptions:
    """``benchmark.dataset``: the file whose reading is timed."""

    source: str
    """"stand-in": the bytes are made up."""
    mebibytes: int
    """Size of the file, MiB."""
