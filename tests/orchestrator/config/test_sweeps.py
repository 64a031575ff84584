"""Sweeps over numbers are composed once, and are what each choice alone would be."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.config.compose import compose_all
from orchestrator.config.sweeps import Composed, compose_choices, numbers_of
from orchestrator.errors import UsageError


@pytest.mark.parametrize(
    "swept",
    [
        {"seed": [1, 2, 3]},
        {"seed": [1, 2], "benchmark.training.optimizer.learning_rate": [0.5, 1e-3]},
        # Of another type than the file's, of an interpolation's source, of a benchmark's own options, of no number.
        {"benchmark.training.optimizer.learning_rate": [0.5, 1]},
        {"benchmark.dataset.source": ["stand-in", "real"], "seed": [1, 2]},
        {"benchmark.dataset.seed": [3, 4], "nodes": [1, 2]},
        {"benchmark.quality.target": [0.1, 0.2], "repeats": [1, 2]},
    ],
    ids=lambda swept: ",".join(swept),
)
@pytest.mark.quick(2)
def test_a_sweep_is_what_each_of_its_choices_is_alone(swept: dict[str, list[Any]]) -> None:
    fixed = ["benchmark=rotations", "method=group_cnn"]
    words = [f"{key}={','.join(map(str, values))}" for key, values in swept.items()]
    choices = [
        [f"{key}={value}" for key, value in zip(swept, values, strict=True)]
        for values in itertools.product(*swept.values())
    ]
    assert compose_all([*fixed, *words], True) == [compose_all([*fixed, *choice], False)[0] for choice in choices]


def compose_counted(composed: list[Sequence[str]], interpolations: Sequence[str] = ()) -> Any:
    """Composes {"seed": …, "training": {"rate": …}} of words, and writes down which."""

    def compose(choice: Sequence[str]) -> Composed:
        composed.append(choice)
        values = dict(word.split("=") for word in choice)
        document = {"seed": int(values["seed"]), "training": {"rate": float(values["training.rate"])}}
        return Composed(document, list(interpolations))

    return compose


@pytest.mark.parametrize(
    ("interpolations", "times"), [([], 1), (["${seed}"], 3), (["${.training}"], 1), (["${..other}"], 1)]
)
def test_choices_that_differ_in_a_number_are_composed_once_unless_something_takes_it(
    interpolations: list[str], times: int
) -> None:
    composed: list[Sequence[str]] = []
    choices = [[f"seed={seed}", "training.rate=0.5"] for seed in (1, 2, 3)]
    found = compose_choices(choices, compose_counted(composed, interpolations))
    assert [one["seed"] for one in found] == [1, 2, 3] and len(composed) == times
    found[0]["training"]["rate"] = 9.0
    assert found[1]["training"]["rate"] == 0.5


def test_a_number_within_what_an_interpolation_takes_whole_is_composed_each_time() -> None:
    composed: list[Sequence[str]] = []
    choices = [["seed=1", f"training.rate={rate}"] for rate in (0.5, 0.25)]
    compose_choices(choices, compose_counted(composed, ["${training}"]))
    assert len(composed) == 2


def test_a_number_that_can_mean_nothing_is_refused_wherever_it_stands_in_a_sweep() -> None:
    with pytest.raises(UsageError, match=r"seed=-1: must be at least 0"):
        compose_all(["benchmark=noop", "seed=1,-1"], True)


def test_a_key_that_is_given_twice_is_left_to_hydra() -> None:
    assert numbers_of(["seed=1"], ["seed=1", "seed=2"]) == {}
    assert numbers_of(["seed=1", "a=0.5", "b=x", "c=007"], ["seed=1", "a=0.5"]) == {"seed": 1, "a": 0.5}
