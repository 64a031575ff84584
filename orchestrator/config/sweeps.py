"""Sweeps over numbers: what their choices share is composed once, for Hydra takes some 50 ms a time."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from orchestrator.config.ranges import refuse_senseless

NUMBER = re.compile(
    r"(?P<key>[a-z]\w*(?:\.[a-z]\w*)*)=(?:(?P<whole>-?(?:0|[1-9]\d*))|(?P<real>-?\d+\.\d+(?:[eE][-+]?\d+)?))"
)
"""A word that gives a key a number, as Hydra's grammar has it."""
CHECKED_ELSEWHERE = ("nodes", "benchmark.model.", "benchmark.dataset.")
"""Keys whose numbers become something else, or that a benchmark's own dataclasses check."""


@dataclass(frozen=True)
class Composed:
    """A resolved configuration, and the texts with interpolations that it had before."""

    resolved: dict[str, Any]
    interpolations: list[str] = field(default_factory=list)

    @cached_property
    def packed(self) -> bytes:
        """The configuration, to be copied five times as fast as by a deep copy."""
        return pickle.dumps(self.resolved)

    def takes(self, key: str, value: float) -> bool:
        """Whether nothing but this key depends on its number, which is of the type that the key has already."""
        if key.startswith(CHECKED_ELSEWHERE):
            return False
        *parents, last = key.split(".")
        taken = (last, *(f"{parent}}}" for parent in parents))
        if any(name in text for text in self.interpolations for name in taken):
            return False
        return type(value_at(self.resolved, key)) is type(value)

    def having(self, numbers: Mapping[str, float]) -> dict[str, Any]:
        """The same with other numbers. Raises UsageError for one that can mean nothing."""
        whole: dict[str, Any] = pickle.loads(self.packed)
        for key, value in numbers.items():
            *parents, last = key.split(".")
            node = whole
            for name in parents:
                node = node[name]
            node[last] = value
            refuse_senseless(nested(key, value))
        return whole


def compose_choices(
    choices: Sequence[Sequence[str]], compose: Callable[[Sequence[str]], Composed]
) -> list[dict[str, Any]]:
    """The configuration of each choice of a sweep. Choices that differ in numbers alone are composed once."""
    shared = set(choices[0]).intersection(*choices[1:])
    known: dict[tuple[str, ...], Composed] = {}
    found = []
    for choice in choices:
        numbers = numbers_of([word for word in choice if word not in shared], choice)
        rest = tuple(word for word in choice if word.partition("=")[0] not in numbers)
        composed = known.get(rest)
        if composed is None or not all(composed.takes(key, value) for key, value in numbers.items()):
            composed = known[rest] = compose(choice)
            found.append(composed.resolved)
        else:
            found.append(composed.having(numbers))
    return found


def numbers_of(words: Sequence[str], choice: Sequence[str]) -> dict[str, float]:
    """Keys that these words give a number, and no other word of the choice gives anything."""
    keys = [word.partition("=")[0].lstrip("+~") for word in choice]
    matches = [match for match in map(NUMBER.fullmatch, words) if match and keys.count(match["key"]) == 1]
    return {match["key"]: float(match["real"]) if match["real"] else int(match["whole"]) for match in matches}


def nested(key: str, value: float) -> dict[str, Any]:
    """A document that has a value at a dotted key and nothing else."""
    first, _, rest = key.partition(".")
    return {first: nested(rest, value) if rest else value}


def value_at(document: Mapping[str, Any], key: str) -> Any:
    """A document's value by its dotted key; None where there is none."""
    node: Any = document
    for name in key.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    return node
