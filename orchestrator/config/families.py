"""What there is to run, by its files: benchmarks with their recipes, data sets and methods, and machines.

    workloads/BENCHMARK/benchmark.yaml            keys of the schema's ``benchmark``, and recipes under ``recipes:``
    workloads/BENCHMARK/datasets/DATASET.yaml     those keys that a data set sets, and recipes of its own
    workloads/BENCHMARK/methods/METHOD.yaml       those that a method sets, and recipes of its own
    workloads/BENCHMARK/config.py                 dataclasses Model and DatasetOptions: their options
    cluster_profiles/CLUSTER.yaml

What benchmark.yaml itself describes is the data set of the benchmark's own name and the method "reference". A family
that has no such thing names one of its files instead, as ``dataset_name:`` and ``method:``, or "???" where one must be
chosen.

A target that was confirmed for one pair alone stands under ``targets:`` in benchmark.yaml, by recipe, data set, method;
with ``source``, it holds for data of that source alone.
Packages of Python that a method needs beyond what all runs need stand under ``needs:`` in its file, each with what
installs it. A method that cannot do with every data set names those that it can under ``takes:``.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_type_hints

from orchestrator.config.schema_benchmark import BenchmarkConfig, QualityConfig
from orchestrator.config.schema_machine import ClusterConfig
from orchestrator.config.words import settle_mapping
from orchestrator.config.yaml_words import read_tree
from orchestrator.errors import UsageError
from orchestrator.records import ONLY_METHOD

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class PairTarget(QualityConfig):
    """What counts as good of one data set and one method."""

    source: str = ""
    """The benchmark's ``dataset.source`` that it was confirmed on, where that has several."""


FILE_HINTS: Mapping[str, Any] = {
    **get_type_hints(BenchmarkConfig),
    "recipes": dict[str, BenchmarkConfig],
    "pairs": dict[str, list[str]],
    "needs": dict[str, str],
    "takes": list[str],
    "targets": dict[str, dict[str, dict[str, PairTarget]]],
}
"""The types of a benchmark's, data set's or method's file."""


@dataclass(frozen=True)
class Axis:
    """A direction of a benchmark's matrix: its group on the command line, the folder of its files, the benchmark's key
    that holds the choice's name, and what a choice is called.
    """

    group: str
    folder: str
    key: Literal["dataset_name", "method"]
    words: str

    def usual(self, benchmark: str) -> str:
        """The name of what benchmark.yaml itself describes."""
        return benchmark if self.group == "dataset" else ONLY_METHOD

    def named(self, benchmark: str) -> str | None:
        """The choice that benchmark.yaml names for where none is given; "???" where one must be."""
        named = read_benchmark(benchmark).get(self.key)
        return None if named is None else str(named)

    def options(self, benchmark: str) -> list[str]:
        """Names of the choices shipped: a file each, and benchmark.yaml itself unless it names one of them."""
        found = {path.stem for path in (ROOT / "workloads" / benchmark / self.folder).glob("*.yaml")}
        return sorted(found if found and self.named(benchmark) is not None else {*found, self.usual(benchmark)})

    def content(self, benchmark: str, option: str) -> dict[str, Any]:
        """What the choice's file says; nothing of one that has no file."""
        path = ROOT / "workloads" / benchmark / self.folder / f"{option}.yaml"
        return read_family_file(path) if path.exists() else {}

    def default(self, benchmark: str, options: list[str]) -> str:
        """The choice among the options where none is given. Raises UsageError where one must be."""
        shipped = benchmark in benchmarks()
        chosen = (self.named(benchmark) or self.usual(benchmark)) if shipped else options[0]
        if chosen == "???" or (not shipped and len(options) > 1):
            raise UsageError(
                f"benchmark {benchmark} has several {self.words}s: say which, {self.group}=NAME. "
                f"There are: {', '.join(options)}."
            )
        return chosen


DATASETS = Axis("dataset", "datasets", "dataset_name", "data set")
METHODS = Axis("method", "methods", "method", "method")
AXES = (DATASETS, METHODS)


@cache
def read_family_file(path: Path) -> dict[str, Any]:
    """What a benchmark's, data set's or method's file says; raises UsageError naming the file."""
    return settle_mapping(read_tree(path), FILE_HINTS, "")


def read_benchmark(name: str) -> dict[str, Any]:
    """A benchmark's file."""
    return read_family_file(ROOT / "workloads" / name / "benchmark.yaml")


def read_cluster(name: str) -> dict[str, Any]:
    """A cluster's profile."""
    return settle_mapping(read_tree(ROOT / "cluster_profiles" / f"{name}.yaml"), ClusterConfig, "")


def benchmarks() -> list[str]:
    """Names of the benchmarks shipped."""
    return sorted(path.parent.name for path in (ROOT / "workloads").glob("*/benchmark.yaml"))


def missing_packages(benchmark: str, method: str) -> dict[str, str]:
    """The packages that a shipped method needs and that are not installed here, each with what installs it."""
    needed = METHODS.content(benchmark, method).get("needs") or {} if benchmark in benchmarks() else {}
    return {package: str(remedy) for package, remedy in needed.items() if not has_module(package)}


def datasets_taken(benchmark: str, method: str) -> list[str]:
    """The data sets of a benchmark that a method can do with: all, unless its file says which it ``takes``."""
    options = DATASETS.options(benchmark)
    taken = METHODS.content(benchmark, method).get("takes") if benchmark in benchmarks() else None
    return options if taken is None else [option for option in options if option in taken]


def methods_taking(benchmark: str, dataset: str) -> list[str]:
    """The methods of a benchmark that can do with a data set, first the one that it has where none is named."""
    options = sorted(METHODS.options(benchmark), key=lambda method: method != METHODS.named(benchmark))
    return [method for method in options if dataset in datasets_taken(benchmark, method)]


def clusters() -> list[str]:
    """Names of the cluster profiles shipped."""
    return sorted(path.stem for path in (ROOT / "cluster_profiles").glob("*.yaml"))


def recipes(benchmark: str) -> list[str]:
    """Names of a benchmark's recipes, those of its data sets and methods included."""
    parts = [axis.content(benchmark, option) for axis in AXES for option in axis.options(benchmark)]
    return sorted({name for part in (read_benchmark(benchmark), *parts) for name in part.get("recipes") or {}})


def option_classes(benchmark: Mapping[str, Any]) -> dict[str, type[Any]]:
    """The dataclasses of the sections ``model`` and ``dataset`` of a benchmark's configuration, where there are any.

    A method's own Model is in methods/METHOD_config.py, a data set's own DatasetOptions in datasets/DATASET_config.py;
    else both are in the benchmark's config.py. A Model with a method ``check_dataset`` is shown the DatasetOptions, and
    raises ValueError for what it cannot do with; its ``check_benchmark``, if it has one, does so for the whole
    benchmark. Its ``compare_trained``, if it has one, takes the settings of two benchmarks and gives of each what has
    to be the same where the model of the first does the second's work; without it, that is the method, the data set,
    and all of ``model``.
    """
    folder = f"workloads.{benchmark['name']}"
    places = {
        "model": ("Model", f"{folder}.methods.{benchmark.get('method')}_config"),
        "dataset": ("DatasetOptions", f"{folder}.datasets.{benchmark.get('dataset_name')}_config"),
    }
    found = {section: find_class(name, (own, f"{folder}.config")) for section, (name, own) in places.items()}
    return {section: options for section, options in found.items() if options is not None}


@cache
def find_class(name: str, modules: tuple[str, ...]) -> type[Any] | None:
    """The class of that name in the first of the modules that has one; None where none has."""
    for module in modules:
        if has_module(module) and hasattr(importlib.import_module(module), name):
            found: type[Any] = getattr(importlib.import_module(module), name)
            return found
    return None


def has_module(name: str) -> bool:
    """Whether a module could be imported."""
    try:
        return importlib.util.find_spec(name) is not None
    except (ModuleNotFoundError, ValueError):
        return False
