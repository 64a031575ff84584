"""A record of any type, made from its type alone, for tests that need one that is whole."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

from orchestrator.records.typed import get_type_hints, is_typeddict

T = TypeVar("T")


def sampled(kind: type[T], **changes: Any) -> T:
    """A record with every key of its type; ``changes`` are put in the place of what was made up."""
    return cast(T, {**made_up(kind), **changes})


def made_up(hint: Any) -> Any:
    """A value of the type: of several the first that is not null."""
    origin, arguments = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return {name: made_up(item) for name, item in get_type_hints(hint).items()}
    if origin in (Union, UnionType):
        return made_up(next(kind for kind in arguments if kind is not NoneType))
    if origin is Literal:
        return arguments[0]
    if origin is list:
        return [made_up(arguments[0])]
    if origin is dict:
        return {"key": made_up(arguments[1])}
    return {str: "word", bool: True, int: 3, float: 1.5}.get(hint, {})
