"""What reads files of each kind, and what it must still tell of those that are whole."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mutated import DATASET, Place

from orchestrator import __main__ as program
from workloads import data as data_program


@dataclass
class Verb:
    """A call, and what it must still tell of what is whole: its output, as it was before, given."""

    name: str
    words: Callable[[Place], list[str]]
    holds: Callable[[Place, int, str], bool] = lambda place, code, out: True
    main: Callable[[list[str]], int] = program.main


def others_shown(place: Place, code: int, out: str) -> bool:
    """Whether the second run, which nobody touched, is shown completed."""
    return '"stemdl-small-mpi-n1-r1"' in out and "completed" in out


def campaign_verbs(place: Place) -> list[Verb]:
    """What reads the folder of a campaign."""
    results = f"results={place.results}"
    return [
        Verb("status", lambda place: ["status", "c", results, "--json"], others_shown),
        Verb("collect", lambda place: ["collect", "c", results, "--json"], others_shown),
        Verb("report", lambda place: ["report", "c", results], lambda place, code, out: "n1-r1" in out),
        Verb("report html", lambda place: ["report", "c", results, "--format", "html", "-o", "out"]),
        Verb("report tensorboard", lambda place: ["report", "c", results, "--format", "tensorboard", "-o", "out"]),
        Verb("report mllog", lambda place: ["report", "c", results, "--format", "mllog", "-o", "out"]),
        Verb("logs", lambda place: ["logs", "c", results]),
        Verb("resume", lambda place: ["resume", "c", results]),
    ]


def store_verbs(place: Place) -> list[Verb]:
    """What reads a store."""
    results = f"results={place.results}"
    return [
        Verb("store info", lambda place: ["store", "info", results]),
        Verb("report", lambda place: ["report", "c", results]),
        Verb("report html", lambda place: ["report", "c", results, "--format", "html", "-o", "out"]),
        Verb("report csv", lambda place: ["report", "c", results, "--format", "csv"]),
        Verb("report markdown", lambda place: ["report", "c", results, "--format", "markdown"]),
        Verb("report junit", lambda place: ["report", "c", results, "--format", "junit"]),
        Verb("report prometheus", lambda place: ["report", "c", results, "--format", "prometheus"]),
        Verb("report tensorboard", lambda place: ["report", "c", results, "--format", "tensorboard", "-o", "out"]),
        Verb("report history", lambda place: ["report", "--history", results]),
        Verb("compare", lambda place: ["compare", "c", "c", results]),
        Verb("store export", lambda place: ["store", "export", "out.parquet", results]),
        Verb("store import", lambda place: ["store", "import", str(place.results / "store.sqlite"), "results=out"]),
    ]


def request(place: Place) -> str:
    """What the verb ``data`` asks the other side."""
    return json.dumps({
        "benchmark": "em_denoise", "class": "workloads.em_denoise.dataset:EmDenoiseDataset", "dataset": DATASET,
        "download": {"endpoints": [], "prefix": None, "connections": 1, "folder": None},
        "root": str(place.folder / "data"), "scratch": str(place.folder / "scratch"),
    })  # fmt: skip


def data_words(place: Place, verb: str) -> list[str]:
    """The arguments of the program that works on data sets."""
    return [verb, request(place)]


def data_verbs(place: Place) -> list[Verb]:
    """What reads a data set."""
    return [
        Verb(f"data {verb}", partial(data_words, verb=verb), main=data_program.main)
        for verb in ("verify", "stage", "info")
    ]


def accept_verbs(place: Place) -> list[Verb]:
    """What reads an acceptance's record."""
    return [Verb("accept verify", lambda place: ["accept", "verify", str(place.folder / "accept" / "record")],
                 lambda place, code, out: code != 0)]  # fmt: skip


def import_verbs(place: Place) -> list[Verb]:
    """What reads an export."""
    return [Verb("store import", lambda place: ["store", "import", str(place.results / "all.parquet"), "results=out"])]
