"""From a command line to one typed, resolved configuration, or to an error that says what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from orchestrator.config import source
from orchestrator.config.schema import OrchestratorConfig
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.config.validate import node_counts
from orchestrator.errors import UsageError, nearest

PRIMARY = "orchestrator"
SCHEDULE = "schedule_verb"
SCHEMAS = {PRIMARY: OrchestratorConfig, SCHEDULE: ScheduleVerbConfig}
"""The primary configurations: of runs, and of the verb that schedules them."""


def register() -> None:
    """Tell Hydra about the schema and the project's folders."""
    source.register()
    for name, schema in SCHEMAS.items():
        ConfigStore.instance().store(name=name, node=schema)


@contextmanager
def hydra_session(config_dir: str | None) -> Iterator[None]:
    """Hydra set up to compose from the project's folders and, before them, a site's ``config_dir``."""
    register()
    folder = Path(config_dir).resolve() if config_dir else source.ROOT / "orchestrator" / "config"
    if not folder.is_dir():
        raise UsageError(f"--config-dir {config_dir}: there is no such folder.")
    GlobalHydra.instance().clear()
    with initialize_config_dir(config_dir=str(folder), version_base="1.3", job_name="orchestrator"):
        yield


def compose_all(
    overrides: Sequence[str], multirun: bool, config_dir: str | None = None, primary: str = PRIMARY
) -> list[dict[str, Any]]:
    """The resolved configurations of a command line: one, or with ``multirun`` one for each of a sweep's choices.

    Raises UsageError.
    """
    with hydra_session(config_dir):
        try:
            parsed = OverridesParser.create().parse_overrides(overrides=list(overrides))
            if not multirun:
                for item in parsed:
                    if item.is_sweep_override():
                        raise UsageError(f"{item.input_line}: a sweep over several values needs -m.")
                return [compose_one(overrides, primary)]
            batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
            return [compose_one(choice, primary) for batch in batches for choice in batch]
        except (HydraException, OmegaConfBaseException) as error:
            raise UsageError(explain(error, SCHEMAS[primary])) from error


def compose_one(overrides: Sequence[str], primary: str = PRIMARY) -> dict[str, Any]:
    """The resolved configuration for plain overrides, as JSON-like values; ``nodes`` is a list in any case."""
    config = compose(config_name=primary, overrides=list(overrides))
    missing = sorted(OmegaConf.missing_keys(config))
    if missing:
        raise UsageError(f"No value was given for {', '.join(missing)}.")
    resolved = OmegaConf.to_container(config, resolve=True)
    assert isinstance(resolved, dict)
    # A key appended with "+" passes Hydra; laid over the schema it does not.
    OmegaConf.merge(OmegaConf.structured(SCHEMAS[primary]), resolved)
    return {str(key): value for key, value in resolved.items()} | {"nodes": node_counts(resolved["nodes"])}


def known_keys(schema: type[OrchestratorConfig] = OrchestratorConfig) -> list[str]:
    """Every key of the schema, dotted."""
    config = OmegaConf.structured(schema)
    keys: list[str] = []

    def walk(node: Any, path: str) -> None:
        if isinstance(node, DictConfig):
            for key in node:
                name = str(key)
                keys.append(path + name)
                if not OmegaConf.is_missing(node, name) and not OmegaConf.is_interpolation(node, name):
                    walk(node[name], f"{path}{name}.")

    walk(config, "")
    return [key for key in keys if not key.startswith("defaults")]


def explain(error: Exception, schema: type[OrchestratorConfig] = OrchestratorConfig) -> str:
    """One message for a user from an exception of Hydra's or OmegaConf's."""
    text = str(error)
    missing = re.search(r"Could not find '(?P<group>[\w@]+)/(?P<option>[^']*)'", text)
    if missing:
        group, option = missing["group"], missing["option"]
        if group.startswith("recipes"):
            benchmark, _, recipe = option.partition("/")
            if benchmark in source.benchmarks():
                return f"benchmark {benchmark} has no recipe '{recipe}'.{nearest(recipe, source.recipes(benchmark))}"
            group, option = "benchmark", benchmark
        return f"There is no {group} '{option}'.{nearest(option, options_of(group))}"
    if "You must specify 'benchmark'" in text:
        return f"Say which benchmark to run: benchmark=NAME.{nearest('', source.benchmarks())}"
    unknown = re.search(r"(?:Could not override '(?P<key>[^']+)'|Could not append|Key '(?P<bare>[^']+)' )", text)
    if unknown:
        key = unknown["key"] or unknown["bare"] or ""
        full = re.search(r"full_key: (\S+)", text)
        return unknown_key(full[1] if full else key, schema)
    # Hydra says which override failed, its cause says why.
    reasons = [str(cause).splitlines()[0] for cause in (error, error.__cause__) if cause is not None and str(cause)]
    return ": ".join(dict.fromkeys(reasons)) or type(error).__name__


def unknown_key(key: str, schema: type[OrchestratorConfig]) -> str:
    """The message for a key that the schema does not have."""
    close = difflib.get_close_matches(key, known_keys(schema), n=1, cutoff=0.5)
    return f"There is no configuration key '{key}'." + (f" Did you mean {close[0]}?" if close else "")


def options_of(group: str) -> list[str]:
    """Options of a configuration group, shipped or a site's; needs a Hydra session."""
    loader = GlobalHydra.instance().config_loader()
    return sorted(loader.get_group_options(group))
