"""From a command line to one typed, resolved configuration, or to an error that names the correct form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any, cast, get_type_hints

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigLoadError
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from orchestrator.config import families, source
from orchestrator.config.keys import is_text, known_keys, unknown_key, unknown_keys
from orchestrator.config.merging import merge_groups, search_in
from orchestrator.config.overrides import read_overrides
from orchestrator.config.pairs import expand_pairs
from orchestrator.config.paths import expand_paths
from orchestrator.config.ranges import refuse_senseless
from orchestrator.config.redaction import is_secret_name
from orchestrator.config.safety import HANDED_OVER, refuse_secret, texts
from orchestrator.config.schema import OrchestratorConfig
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.config.site import SiteSource
from orchestrator.config.sweeps import Composed, compose_choices
from orchestrator.config.validate import MOST_RUNS, node_counts, refuse_pair
from orchestrator.config.words import alternatives
from orchestrator.errors import UsageError, nearest
from orchestrator.records.checking import check_value
from orchestrator.records.settings import Configuration

FROM_ENVIRONMENT = re.compile(r"oc\.env:\s*(\w+)")
"""A variable of the shell that a value is taken from."""

PRIMARY = "orchestrator"
SCHEDULE = "schedule_verb"
SCHEMAS: dict[str, type[Any]] = {PRIMARY: OrchestratorConfig, SCHEDULE: ScheduleVerbConfig}
"""The primary configurations: that of runs, and that of the verb that schedules them. Acceptance adds its own."""


def register(primary: str = PRIMARY) -> None:
    """Register the schema and the project's folders with Hydra, for its own flags."""
    source.register()
    store_schema(primary)


def store_schema(primary: str) -> None:
    """Give Hydra a primary configuration, which takes it some 25 ms."""
    ConfigStore.instance().store(name=primary, node=SCHEMAS[primary])


@contextmanager
def hydra_session(config_dir: str | None, primary: str = PRIMARY) -> Iterator[None]:
    """Set up Hydra, within the context, to compose from a site's ``config_dir`` and then the project's folders."""
    store_schema(primary)
    SiteSource.schema = SCHEMAS[primary]
    if config_dir and not Path(config_dir).is_dir():
        raise UsageError(f"--config-dir {config_dir}: there is no such folder.")
    own = [f"{SiteSource.scheme()}://{Path(config_dir).resolve()}"] if config_dir else []
    with search_in([*own, *source.places()], [SiteSource, source.ProjectSource]):
        yield


def compose_all(overrides: Sequence[str], multirun: bool, config_dir: str | None = None) -> list[Configuration]:
    """Return the resolved configurations of a command line: one, or with ``multirun`` one for each choice of a sweep.

    Raises UsageError.
    """
    # Hydra has held them against the schema, whose keys and types are Configuration's.
    return cast("list[Configuration]", compose_documents(overrides, multirun, config_dir))


def compose_documents(
    overrides: Sequence[str], multirun: bool, config_dir: str | None = None, primary: str = PRIMARY
) -> list[dict[str, Any]]:
    """Return the resolved documents of a command line under any of the primary configurations.

    Raises UsageError.
    """
    with hydra_session(config_dir, primary):
        try:
            choices = [choice for words in expand_pairs(overrides) for choice in choices_of(words, multirun, primary)]
            if len(choices) > 1 and not multirun:
                raise UsageError("a list of pairs needs -m.")
            return compose_choices(choices, lambda choice: compose_one(choice, primary))
        except (HydraException, OmegaConfBaseException) as error:
            raise UsageError(explain(error, SCHEMAS[primary], named_benchmarks(overrides))) from error


def choices_of(overrides: Sequence[str], multirun: bool, primary: str) -> list[Sequence[str]]:
    """The plain overrides of each choice of a sweep; themselves where there is none. Raises UsageError."""
    words = read_overrides(overrides, SCHEMAS[primary], named_benchmarks(overrides))
    parsed = OverridesParser.create().parse_overrides(overrides=words)
    if multirun:
        refuse_endless(parsed)
        return [choice for batch in BasicSweeper.split_arguments(parsed, max_batch_size=None) for choice in batch]
    for item in parsed:
        if item.is_sweep_override():
            raise UsageError(f"{item.input_line}: a sweep over several values needs -m.")
    return [words]


def refuse_endless(parsed: Sequence[Override]) -> None:
    """Raise UsageError for a sweep over more configurations than a campaign can have runs."""
    choices = 1
    for item in parsed:
        if item.is_interval_sweep():
            raise UsageError(f"{item.input_line}: an interval has no values of its own; write those that are meant.")
        if item.is_sweep_override():
            choices *= sum(1 for _ in islice(item.sweep_iterator(), MOST_RUNS + 1))
        if choices > MOST_RUNS:
            raise UsageError(
                f"{item.input_line}: the sweep has more choices than a campaign can have runs, {MOST_RUNS}."
            )


def compose_one(overrides: Sequence[str], primary: str = PRIMARY) -> Composed:
    """Return the resolved configuration for plain overrides, as JSON-like values; ``nodes`` is always a list."""
    config = merge_groups(primary, overrides)
    unresolved = list(texts(OmegaConf.to_container(config, resolve=False)))
    refuse_missing(unresolved)
    for key, text in unresolved:
        if key not in HANDED_OVER and any(is_secret_name(name) for name in FROM_ENVIRONMENT.findall(text)):
            refuse_secret(key)
    container = OmegaConf.to_container(config, resolve=True)
    assert isinstance(container, dict)
    resolved = {str(key): value for key, value in container.items()}
    # A key appended with "+" passes Hydra.
    for key in unknown_keys(resolved, SCHEMAS[primary]):
        raise UsageError(unknown_key(key, SCHEMAS[primary], named_benchmarks(overrides)))
    check_values(resolved, SCHEMAS[primary])
    check_options(resolved["benchmark"], SCHEMAS[primary])
    expand_paths(resolved)
    return Composed(
        resolved | {"nodes": node_counts(resolved["nodes"])}, [text for _, text in unresolved if "${" in text]
    )


def refuse_missing(unresolved: Sequence[tuple[str, str]]) -> None:
    """Raise UsageError if keys that must be given have no value, among a configuration's texts before resolution."""
    missing = sorted(key for key, text in unresolved if text == MISSING)
    if missing:
        raise UsageError(f"No value was given for {', '.join(missing)}.")


def check_values(resolved: Mapping[str, Any], schema: type) -> None:
    """Raise UsageError for a number that can mean nothing, or a value of another type than its key's: what an
    interpolation became, Hydra has not seen.
    """
    refuse_senseless(resolved)
    try:
        check_value(resolved, schema, "")
    except ValueError as error:
        raise UsageError(f"{error}.", key=str(error).partition(" ")[0]) from error


def check_options(benchmark: Mapping[str, Any], schema: type[OrchestratorConfig]) -> None:
    """Raise UsageError for a model or data set option that its dataclass lacks, or that has another type, and for a
    model that cannot do with the data set.
    """
    made: dict[str, Any] = {}
    for section, options in families.option_classes(benchmark).items():
        path = f"benchmark.{section}"
        names = [item.name for item in fields(options)]
        for key in benchmark[section]:
            if key not in names:
                raise UsageError(unknown_key(f"{path}.{key}", schema, [str(benchmark["name"])]))
        for name, hint in get_type_hints(options).items():
            if name not in benchmark[section]:
                raise UsageError(f"No value was given for {path}.{name}.")
            value = benchmark[section][name]
            if is_text(hint) and isinstance(value, (int, float)) and type(value) not in alternatives(hint):
                raise UsageError(f"{path}.{name}={value}: a text that reads like a number or truth value: quote it.")
        try:
            # What an option may be beyond its type, its dataclass checks when it is made.
            made[section] = OmegaConf.to_object(
                OmegaConf.merge(OmegaConf.structured(options), dict(benchmark[section]))
            )
        except OmegaConfBaseException as error:
            raise UsageError(f"{path}.{error.full_key}: {str(error).splitlines()[0]}") from error
        except ValueError as error:
            raise UsageError(f"{path}.{error}") from error
    if hasattr(made.get("model"), "check_dataset"):
        # What the data set of another kind has no word for cannot be asked of it.
        refuse_pair(families.ROOT, benchmark["name"], benchmark["dataset_name"], benchmark["method"])
        try:
            made["model"].check_dataset(made["dataset"])
            if hasattr(made["model"], "check_benchmark"):
                made["model"].check_benchmark(benchmark)
        except ValueError as error:
            raise UsageError(f"benchmark.model.{error}") from error


def named_benchmarks(overrides: Sequence[str]) -> list[str]:
    """Return the shipped benchmarks that a command line names."""
    named = [name.strip("'") for word in overrides if word.startswith("benchmark=") for name in word[10:].split(",")]
    return [name for name in named if name in families.benchmarks()]


def explain(
    error: Exception, schema: type[OrchestratorConfig] = OrchestratorConfig, benchmarks: Sequence[str] = ()
) -> str:
    """Return one message for users from an exception of Hydra or OmegaConf. ``benchmarks`` are the named ones."""
    text = str(error)
    missing = re.search(r"Could not find '(?P<group>[\w@]+)/(?P<option>[^']*)'", text)
    if missing:
        group, option = missing["group"], missing["option"]
        what = {"recipes": "recipe", "datasets": "data set", "methods": "method"}.get(group.partition("@")[0])
        if what is None:
            return f"There is no {group} '{option}'.{nearest(option, options_of(group))}"
        benchmark, _, name = option.partition("/")
        if benchmark not in options_of("benchmark"):
            return f"There is no benchmark '{benchmark}'.{nearest(benchmark, options_of('benchmark'))}"
        known = options_of(f"{group.partition('@')[0]}/{benchmark}")
        return f"benchmark {benchmark} has no {what} '{name}'.{nearest(name, known)}"
    if isinstance(error, ConfigLoadError):
        return text
    if "You must specify 'benchmark'" in text:
        return f"Say which benchmark to run: benchmark=NAME.{nearest('', families.benchmarks())}"
    if present := re.search(r"An item is already at '([^']+)'", text):
        return f"{present[1]} is there already: write {present[1]}=VALUE, without the +."
    unknown = re.search(r"(?:Could not override '(?P<key>[^']+)'|Could not append|Key '(?P<bare>[^']+)' )", text)
    if unknown:
        key = unknown["key"] or unknown["bare"] or ""
        full = re.search(r"full_key: (\S+)", text)
        key = full[1] if full else key
        if key in known_keys(schema, benchmarks):
            return f"{key}: that name is not in it yet; write +{key}=VALUE to add it."
        return unknown_key(key, schema, benchmarks)
    if absent := re.search(r"Interpolation key '([^']+)' not found", text):
        taker = full[1] if (full := re.search(r"full_key: (\S+)", text)) else "another key"
        return f"{absent[1]}= has no value, which {taker} takes; set one of both."
    # Hydra says which override failed, its cause says why.
    reasons = [str(cause).splitlines()[0] for cause in (error, error.__cause__) if cause is not None and str(cause)]
    whole = ": ".join(dict.fromkeys(reasons)).removeprefix("Error merging override ") or type(error).__name__
    full = re.search(r"full_key: (\S+)", text)
    return f"{full[1]}: {whole}" if full and full[1] not in whole else whole


def options_of(group: str) -> list[str]:
    """Return the options of a configuration group, shipped or a site's. It needs a Hydra session."""
    loader = GlobalHydra.instance().config_loader()
    return sorted(loader.get_group_options(group))
