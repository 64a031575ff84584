"""What there is to choose from: shipped, in a site's folder, and of data also what stands on this machine's disk."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypedDict

from orchestrator.config import families
from orchestrator.config.families import DATASETS, METHODS, Axis
from orchestrator.config.yaml_words import read_tree
from orchestrator.errors import UsageError

DESCRIPTION = "dataset.json"
"""The file that stands in a folder of data once all of it is there (workloads/runtime/samples/consolidated.py)."""
HOSTS = re.compile(r"^hosts:", re.MULTILINE)
SUITES = families.ROOT / "orchestrator" / "config" / "acceptance"


class Benchmark(TypedDict):
    """A benchmark; ``site`` tells that its file is in the site's folder."""

    name: str
    summary: str
    site: bool


class DataFolder(TypedDict):
    """A complete folder of data on this machine."""

    folder: str
    source: str
    bytes: int


class DataSet(TypedDict):
    """A data set of a benchmark. ``here`` are its folders on this machine: one for each version, preset and seed."""

    benchmark: str
    name: str
    default: bool
    here: list[DataFolder]


class Choice(TypedDict):
    """A method or recipe of a benchmark."""

    benchmark: str
    name: str
    default: bool


class Cluster(TypedDict):
    """A machine's profile."""

    name: str
    description: str
    hosts: list[str]
    site: bool


class SuiteChoice(TypedDict):
    """An acceptance suite."""

    name: str
    summary: str
    site: bool


class Catalogue(TypedDict):
    """Everything by kind."""

    benchmarks: list[Benchmark]
    datasets: list[DataSet]
    methods: list[Choice]
    recipes: list[Choice]
    clusters: list[Cluster]
    suites: list[SuiteChoice]


KINDS = ("benchmarks", "datasets", "methods", "recipes", "clusters", "suites")


def catalogue(site: Path | None, data: Path, benchmark: str | None = None) -> Catalogue:
    """Return all there is, or what belongs to one benchmark. Data are looked for below ``data``. Raises UsageError for
    a file that cannot be read.
    """
    shipped = [name for name in families.benchmarks() if benchmark in (None, name)]
    own = {path.stem: path for path in files_in(site, "benchmark") if benchmark in (None, path.stem)}
    files = {name: families.ROOT / "workloads" / name / "benchmark.yaml" for name in shipped} | own
    return {
        "benchmarks": [
            {"name": name, "summary": text_in(path, "summary"), "site": name in own}
            for name, path in sorted(files.items())
        ],
        "datasets": [
            {"benchmark": name, "name": option, "default": default, "here": data_here(name, option, data)}
            for name in shipped for option, default in options_of(DATASETS, name, site)
        ],
        "methods": [
            {"benchmark": name, "name": option, "default": default}
            for name in shipped for option, default in options_of(METHODS, name, site)
        ],
        "recipes": [
            {"benchmark": name, "name": option, "default": option == "small"}
            for name in shipped
            for option in sorted({*families.recipes(name), *(path.stem for path in files_in(site, f"recipes/{name}"))})
        ],
        "clusters": [] if benchmark else clusters(site),
        "suites": [] if benchmark else [
            {"name": path.stem, "summary": text_in(path, "summary"), "site": path.parent != SUITES}
            for path in by_name(sorted(SUITES.glob("*.yaml")), files_in(site, "acceptance"))
        ],
    }  # fmt: skip


def clusters(site: Path | None) -> list[Cluster]:
    """Return the machines' profiles; a site's own wins over a shipped one of its name."""
    folder = families.ROOT / "cluster_profiles"
    found = by_name(sorted(folder.glob("*.yaml")), files_in(site, "cluster"))
    return [
        {
            "name": path.stem,
            "description": text_in(path, "description"),
            "hosts": hosts_in(path),
            "site": path.parent != folder,
        }
        for path in found
    ]


def clusters_of_host(site: Path | None, names: Callable[[], Collection[str]]) -> list[str]:
    """Return the names of the profiles that hold on the host with these names, which may take time to find."""
    folder = families.ROOT / "cluster_profiles"
    # Few profiles name hosts, and to read YAML takes its time.
    naming = [
        path
        for path in by_name(sorted(folder.glob("*.yaml")), files_in(site, "cluster"))
        if HOSTS.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    host = names() if naming else ()
    return [
        path.stem for path in naming if any(fnmatchcase(name, pattern) for pattern in hosts_in(path) for name in host)
    ]


def files_in(site: Path | None, group: str) -> list[Path]:
    """Return the files of a group in a site's folder, by name."""
    return sorted((site / group).glob("*.yaml")) if site is not None else []


def by_name(shipped: Sequence[Path], own: Sequence[Path]) -> list[Path]:
    """Return the files of both by their names, a site's own before a shipped one."""
    found = {path.stem: path for path in (*shipped, *own)}
    return [found[name] for name in sorted(found)]


def text_in(path: Path, key: str) -> str:
    """Return a text at the top of a file; "" where it has none."""
    return " ".join(str(read_tree(path).get(key) or "").split())


def hosts_in(path: Path) -> list[str]:
    """Return the patterns of host names in a profile. Raises UsageError for anything but a list of texts."""
    hosts = read_tree(path).get("hosts") or []
    if not isinstance(hosts, list) or not all(isinstance(item, str) for item in hosts):
        raise UsageError(f"{path}: hosts must be a list of host names or patterns, such as [login*.alpine.org].")
    return hosts


def options_of(axis: Axis, benchmark: str, site: Path | None) -> list[tuple[str, bool]]:
    """Return the choices of a benchmark along an axis, each with whether it goes without saying."""
    shipped = axis.options(benchmark)
    usual = axis.named(benchmark) or axis.usual(benchmark)
    own = [path.stem for path in files_in(site, f"{axis.folder}/{benchmark}")]
    return [(option, option == usual) for option in sorted({*shipped, *own})]


def data_here(benchmark: str, dataset: str, data: Path) -> list[DataFolder]:
    """Return the complete folders of a data set. Where a benchmark has several, their names begin with its."""
    several = len(DATASETS.options(benchmark)) > 1
    found: list[DataFolder] = []
    for description in sorted((data / benchmark).glob(f"*/{DESCRIPTION}")):
        folder = description.parent
        kind = folder.name.removeprefix(f"{dataset}-")
        if several and kind == folder.name:
            continue
        source = "stand-in" if kind.startswith("stand-in") else kind.partition("-")[0]
        size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
        found.append({"folder": str(folder), "source": source, "bytes": size})
    return found
