"""Lets Hydra find ``benchmark=NAME``, ``dataset=NAME``, ``method=NAME``, ``recipe=NAME`` and ``cluster=NAME`` by file.

What the groups ``dataset``, ``method`` and ``recipe`` choose depends on the benchmark, which Hydra's groups cannot say.
So each only takes the word, and another group holds what it means:

    datasets/BENCHMARK/DATASET, methods/BENCHMARK/METHOD, recipes/BENCHMARK/RECIPE     laid over the benchmark in turn
    variants/BENCHMARK/DATASET/METHOD/RECIPE     what data set and method add to the recipe, and published values

What is given on the command line still wins over all of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigLoadError, ConfigResult, ConfigSource
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from orchestrator.config import families
from orchestrator.config.families import (
    AXES,
    DATASETS,
    METHODS,
    Axis,
    benchmarks,
    clusters,
    read_benchmark,
    read_cluster,
    recipes,
)
from orchestrator.config.site import SiteSource

DEFAULT = "default"
"""Stands for the data set or method of a benchmark where none is named."""

WORDS = ("dataset", "method", "recipe")
"""Groups that only take a word."""
MEANINGS = {"datasets": 1, "methods": 1, "recipes": 1, "variants": 3}
"""Groups that hold what the words mean, with how many folders each has."""


def all_options(group: str) -> list[str]:
    """Options of a group by its path, "recipe" or "recipes/stemdl", as far as they are shipped."""
    name, _, benchmark = group.partition("/")
    if name == "benchmark":
        return benchmarks()
    if name == "cluster":
        return clusters()
    if (benchmark or name in MEANINGS) and benchmark not in benchmarks():
        return []
    chosen = [benchmark] if benchmark else benchmarks()
    if name in ("recipe", "recipes"):
        return sorted({recipe for one in chosen for recipe in recipes(one)})
    for axis in AXES:
        if name in (axis.group, axis.folder):
            return sorted({option for one in chosen for option in axis.options(one)})
    return []


def default_option(axis: Axis, benchmark: str) -> str | None:
    """What DEFAULT stands for; None where a site's own benchmark has nothing to choose. Raises UsageError."""
    if benchmark in benchmarks():
        # What a site adds does not change what a command without it means.
        options = axis.options(benchmark)
    else:
        loader = GlobalHydra.instance().config_loader()
        options = sorted(set(loader.get_group_options(f"{axis.folder}/{benchmark}")) - {DEFAULT})
    return axis.default(benchmark, options) if options else None


def without_recipes(content: dict[str, Any]) -> dict[str, Any]:
    """What a file says of itself; the other keys are laid over it last, ``pairs`` are read before, ``takes``
    when all is composed, and ``needs`` when runs are about to be submitted.
    """
    others = ("recipes", "targets", "published", "pairs", "needs", "takes")
    return {key: value for key, value in content.items() if key not in others}


def variant(benchmark: str, dataset: str, method: str, recipe: str) -> dict[str, Any]:
    """What a data set and a method say of a recipe, the pair's own target, and the published values of all three files.

    Raises ConfigLoadError where none of them has the recipe.
    """
    if benchmark not in benchmarks():
        return {}
    names = {axis.key: name for axis, name in zip(AXES, (dataset, method), strict=True)}
    own = {axis.key: axis.default(benchmark, axis.options(benchmark)) for axis in AXES if names[axis.key] == DEFAULT}
    names |= own
    base = read_benchmark(benchmark)
    parts = [axis.content(benchmark, names[axis.key]) for axis in AXES]
    having = [part["recipes"][recipe] or {} for part in parts if recipe in (part.get("recipes") or {})]
    if not having and recipe in recipes(benchmark) and recipe not in (base.get("recipes") or {}):
        raise ConfigLoadError(
            f"benchmark {benchmark} has no recipe '{recipe}' for dataset={names[DATASETS.key]} and "
            f"method={names[METHODS.key]}."
        )
    target = (base.get("targets") or {}).get(recipe, {}).get(names[DATASETS.key], {}).get(names[METHODS.key]) or {}
    # An entry is of the data set and the method in whose file it stands, unless it says otherwise.
    published = [
        {DATASETS.group: names[DATASETS.key], METHODS.group: names[METHODS.key], **entry}
        for part in (base, *parts)
        for entry in part.get("published") or []
    ]
    quality = {"quality": of_source(target, base["quality"])} if target else {}
    return merged([*having, quality, {"published": published} if published else {}])


def of_source(target: dict[str, Any], otherwise: dict[str, Any]) -> dict[str, Any]:
    """A pair's target; one that was confirmed on a ``source`` holds where the data come from there, and the benchmark's
    own elsewhere. Which they come from is known when the command line is.
    """
    values = {key: value for key, value in target.items() if key != "source"}
    if "source" not in target:
        return values
    return {
        key: f"${{where_source_is:${{..dataset.source}},{json.dumps([target['source'], value, otherwise.get(key)])}}}"
        for key, value in values.items()
    }


def where_source_is(found: str, choice: Sequence[Any]) -> Any:
    """The second of (source, value, other value) where the source found is the first, else the third."""
    source, value, otherwise = choice
    return value if found == source else otherwise


OmegaConf.register_new_resolver("where_source_is", where_source_is, replace=True)


def merged(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mappings laid over one another: mappings within are merged, and of all else the last stays."""
    whole: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both = isinstance(value, Mapping) and isinstance(whole.get(key), Mapping)
            whole[key] = merged([whole[key], value]) if both else value
    return whole


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
        benchmark, _, rest = option.partition("/")
        if group in WORDS:
            return self._result(self._word(group, option), package="_global_")
        if group == "benchmark":
            content = without_recipes(read_benchmark(option))
        elif group == "cluster":
            content = read_cluster(option)
        elif group == "variants":
            content = variant(benchmark, *rest.split("/"))
        elif group == "recipes":
            content = (read_benchmark(benchmark).get("recipes") or {}).get(rest) or {}
        else:
            content = self._choice(next(axis for axis in AXES if axis.folder == group), benchmark, rest)
        return self._result(content)

    def _word(self, group: str, option: str) -> dict[str, Any]:
        if group == "recipe":
            return {"recipe": option}
        key = next(axis.key for axis in AXES if axis.group == group)
        return {} if option == DEFAULT else {"benchmark": {key: option}}

    def _choice(self, axis: Axis, benchmark: str, option: str) -> dict[str, Any]:
        if option != DEFAULT:
            return without_recipes(axis.content(benchmark, option))
        chosen = default_option(axis, benchmark)
        if chosen is None:
            return {}
        # Included by Hydra, so that a site's file of that name comes before ours.
        return {"defaults": [f"{benchmark}/{chosen}@_here_"], axis.key: chosen}

    def _result(self, content: dict[str, Any], package: str | None = None) -> ConfigResult:
        return ConfigResult(
            provider=self.provider,
            path=f"{self.scheme()}://{self.path}",
            config=OmegaConf.create(content),
            header={"package": package},
        )

    def is_group(self, config_path: str) -> bool:
        """Whether the path is the folder of all groups, one of them, or a folder in one."""
        if not config_path:
            return True
        group, _, rest = config_path.partition("/")
        if group in ("benchmark", "cluster", *WORDS):
            return not rest
        return group in MEANINGS and (not rest or rest.count("/") < MEANINGS[group])

    def is_config(self, config_path: str) -> bool:
        """Whether the path names an option that exists. A word is always taken: what it means is looked for later."""
        path = config_path.removesuffix(".yaml")
        group, _, option = path.partition("/")
        if group in WORDS:
            return bool(option) and "/" not in option
        if group == "variants":
            return option.count("/") == MEANINGS[group]
        folder, _, name = path.rpartition("/")
        return name in all_options(folder) or (name == DEFAULT and group in ("datasets", "methods"))

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """Options in a group; the groups themselves at the top."""
        if not config_path:
            return [] if results_filter == ObjectType.CONFIG else ["benchmark", "cluster", *WORDS]
        return [] if results_filter == ObjectType.GROUP else all_options(config_path)


def places() -> list[str]:
    """Where the project's own options are: the folders of benchmarks and machines, and the groups beside the schema."""
    return [f"{ProjectSource.scheme()}://", f"{SiteSource.scheme()}://{families.ROOT / 'orchestrator' / 'config'}"]


class ProjectSearchPath(SearchPathPlugin):
    """Adds the project's folders and its scale and acceptance groups to what Hydra searches."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append, so that a site's own folder comes first and may override. Folders are read by ``SiteSource``."""
        for element in search_path.get_path():
            folder = element.path.removeprefix("file://")
            if "://" not in folder:
                element.path = f"{SiteSource.scheme()}://{folder}"
        for place in places():
            search_path.append(provider="orchestrator", path=place)


def register() -> None:
    """Make Hydra know these classes; calling it again changes nothing."""
    plugins = Plugins.instance()
    for plugin, base in (
        (ProjectSource, ConfigSource),
        (SiteSource, ConfigSource),
        (ProjectSearchPath, SearchPathPlugin),
    ):
        if plugin not in plugins.discover(base):
            plugins.register(plugin)
