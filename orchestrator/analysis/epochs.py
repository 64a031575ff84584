"""The epochs that compared throughputs are of: the same for all of them."""

from __future__ import annotations

from typing import Literal

Epochs = Literal["warm", "all"]
"""Warm ones alone where every compared run has some, since a first epoch is slower by what it prepares; else all, which
are whole runs.
"""
