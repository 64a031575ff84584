"""Lets Hydra find ``benchmark=NAME`` in workloads/NAME/benchmark.yaml and ``cluster=NAME`` in cluster_profiles/.

A benchmark's file holds its recipes too; Hydra sees each as the option ``NAME/RECIPE`` of the group ``recipes``, laid
over the benchmark, so that what is given on the command line still wins over both.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

ROOT = Path(__file__).resolve().parents[2]


@cache
def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file; raises ConfigLoadError naming the file."""
    try:
        document = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, yaml.YAMLError) as error:
        raise ConfigLoadError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise ConfigLoadError(f"{path} must hold a mapping, not {type(document).__name__}")
    return {str(key): value for key, value in document.items()}


def benchmarks() -> list[str]:
    """Names of the benchmarks shipped."""
    return sorted(path.parent.name for path in (ROOT / "workloads").glob("*/benchmark.yaml"))


def clusters() -> list[str]:
    """Names of the cluster profiles shipped."""
    return sorted(path.stem for path in (ROOT / "cluster_profiles").glob("*.yaml"))


def recipes(benchmark: str) -> list[str]:
    """Names of a benchmark's recipes."""
    return sorted(read_yaml(ROOT / "workloads" / benchmark / "benchmark.yaml").get("recipes") or {})


def groups() -> dict[str, list[str]]:
    """Options by group."""
    every_recipe = {name: recipes(name) for name in benchmarks()}
    return {
        "benchmark": benchmarks(),
        "cluster": clusters(),
        "recipe": sorted({recipe for names in every_recipe.values() for recipe in names}),
        "recipes": [f"{benchmark}/{recipe}" for benchmark, names in every_recipe.items() for recipe in names],
    }


class ProjectSource(ConfigSource):
    """Hydra's view of the project's folders."""

    @staticmethod
    def scheme() -> str:
        """Search path entries ``project://`` come here."""
        return "project"

    def available(self) -> bool:
        """Always there."""
        return True

    def load_config(self, config_path: str) -> ConfigResult:
        """The configuration of one option."""
        group, _, option = self._normalize_file_name(config_path).removesuffix(".yaml").partition("/")
        if group == "benchmark":
            content = {key: value for key, value in self._benchmark(option).items() if key != "recipes"}
        elif group == "cluster":
            content = read_yaml(ROOT / "cluster_profiles" / f"{option}.yaml")
        elif group == "recipe":
            return self._result({"recipe": option}, package="_global_")
        else:
            benchmark, _, recipe = option.partition("/")
            content = self._benchmark(benchmark)["recipes"][recipe] or {}
        return self._result(content)

    def _benchmark(self, name: str) -> dict[str, Any]:
        return read_yaml(ROOT / "workloads" / name / "benchmark.yaml")

    def _result(self, content: dict[str, Any], package: str | None = None) -> ConfigResult:
        return ConfigResult(
            provider=self.provider,
            path=f"{self.scheme()}://{self.path}",
            config=OmegaConf.create(content),
            header={"package": package},
        )

    def is_group(self, config_path: str) -> bool:
        """Whether the path is one of the groups, or a benchmark's folder of recipes."""
        group, _, option = config_path.partition("/")
        return group in groups() and (not option or (group == "recipes" and option in benchmarks()))

    def is_config(self, config_path: str) -> bool:
        """Whether the path names an option that exists."""
        group, _, option = config_path.removesuffix(".yaml").partition("/")
        return option in groups().get(group, [])

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Options in a group; the groups themselves at the top."""
        if not config_path:
            return [] if results_filter == ObjectType.CONFIG else ["benchmark", "cluster", "recipe"]
        return [] if results_filter == ObjectType.GROUP else groups().get(config_path, [])


class ProjectSearchPath(SearchPathPlugin):
    """Adds the project's folders and its scale and acceptance groups to what Hydra searches."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append, so that a site's own folder comes first and may override."""
        search_path.append(provider="orchestrator", path="project://")
        search_path.append(provider="orchestrator", path="pkg://orchestrator.config")


def register() -> None:
    """Make Hydra know both classes; calling it again changes nothing."""
    plugins = Plugins.instance()
    for plugin in (ProjectSource, ProjectSearchPath):
        if plugin not in plugins.discover(plugin.__mro__[1]):
            plugins.register(plugin)
