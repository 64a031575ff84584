"""A job without work has no options."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Model:
    """``benchmark.model``: none."""


@dataclass
class DatasetOptions:
    """``benchmark.dataset``: an empty folder."""

    source: str
    """"stand-in": there is nothing real."""
