"""The types of the resolved configuration are those of the schema that it is composed from: there are no two truths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest

from orchestrator.config.compose import compose_all
from orchestrator.config.families import benchmarks
from orchestrator.config.schema import OrchestratorConfig
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.records.checking import check_value
from orchestrator.records.settings import Configuration
from orchestrator.records.typed import get_type_hints, is_typeddict
from orchestrator.schedule.settings import ScheduleConfiguration

OF_VERSION_0_1 = {"benchmark.dataset_module"}
"""Keys that only old configurations have."""
NOT_CARRIED = {"defaults"}
"""Keys of the schema that composing uses up."""


def leaves(kind: Any, key: str = "") -> dict[str, Any]:
    """The types of all keys of a dataclass or TypedDict, dotted; those of a list's or table's items below "*"."""
    if is_dataclass(kind) or is_typeddict(kind):
        found: dict[str, Any] = {}
        for name, hint in get_type_hints(kind).items():
            found |= leaves(hint, f"{key}.{name}".lstrip("."))
        return found
    items = get_args(kind)
    if get_origin(kind) in (list, dict) and (is_dataclass(items[-1]) or is_typeddict(items[-1])):
        return leaves(items[-1], f"{key}.*")
    return {key: in_json(kind)}


def in_json(hint: Any) -> Any:
    """The type as which JSON has it: no tuples, and alternatives in any order."""
    if get_origin(hint) is tuple:
        return list[get_args(hint)[0]]  # type: ignore[misc]
    if get_origin(hint) is Mapping:
        return dict[get_args(hint)]  # type: ignore[misc]
    return frozenset(get_args(hint)) if get_origin(hint) in (Union, UnionType) else hint


@pytest.mark.parametrize(
    ("composed_from", "kind"), [(OrchestratorConfig, Configuration), (ScheduleVerbConfig, ScheduleConfiguration)]
)
def test_the_settings_have_the_keys_and_the_types_of_the_schema(composed_from: type, kind: type) -> None:
    schema = {key: hint for key, hint in leaves(composed_from).items() if key not in NOT_CARRIED}
    settings = leaves(kind)
    assert set(schema) == set(settings) - OF_VERSION_0_1
    # Where a schema cannot say what it takes, the settings may.
    assert {key: settings[key] for key, hint in schema.items() if hint is not Any} == {
        key: hint for key, hint in schema.items() if hint is not Any
    }


@pytest.mark.parametrize("benchmark", benchmarks())
def test_what_is_composed_is_what_the_settings_say(benchmark: str) -> None:
    (config,) = compose_all([f"benchmark={benchmark}"], multirun=False)
    check_value(config, Configuration, "")


@pytest.mark.parametrize(("benchmark", "mode"), [("stemdl", "training"), ("probe", "probe"), ("noop", "noop")])
def test_a_benchmark_does_the_first_thing_that_it_can_where_no_mode_is_named(benchmark: str, mode: str) -> None:
    (config,) = compose_all([f"benchmark={benchmark}"], False)
    assert config["mode"] == mode
