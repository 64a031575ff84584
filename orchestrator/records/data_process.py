"""What the login node and the process that works on a data set tell each other, in JSON.

The request is that process's argument; it answers with lines on stdout, each of one of the kinds of DataMessage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from orchestrator.records.settings import DownloadSettings

DataRequest = TypedDict(
    "DataRequest",
    {
        "benchmark": str,
        "class": str,
        "dataset": Mapping[str, Any],
        "download": DownloadSettings,
        "root": str,
        "scratch": str | None,
    },
)
"""``class`` is the benchmark's class of data sets, ``dataset`` and ``download`` its settings, ``root`` where data are
kept and ``scratch`` a node's own disk.
"""


class DataSaying(TypedDict):
    """A line for people."""

    say: str


class DataProgress(TypedDict):
    """How many are done, of how many; ``title`` names the work."""

    done: int
    total: int
    unit: str
    title: str


class DataRefusal(TypedDict):
    """Why the data cannot be used, and the verb that helps, if there is one."""

    error: str
    remedy: str | None


DataAnswer = dict[str, object]
"""What a verb found: ``name`` and ``folder`` of the data set and what each kind of data tells of itself. ``next`` is
the verb that has to follow.
"""
DataMessage = DataSaying | DataProgress | DataRefusal | DataAnswer
