"""``python -m orchestrator data BENCHMARK VERB [KEY=VALUE…]``: a benchmark's data set."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from rich.filesize import decimal

from orchestrator.cli import common
from orchestrator.cli.help import help_text
from orchestrator.cli.verbs import DATA_ACTIONS
from orchestrator.config.compose import compose_all
from orchestrator.config.families import DATASETS, METHODS, benchmarks, recipes
from orchestrator.config.validate import validate
from orchestrator.errors import EXIT_FAILED, EXIT_OK, UsageError, nearest

OF_REAL_DATA = ("download", "convert")
"""Verbs that mean the published data unless told otherwise; the others, what a run with the same words would use."""
CHOOSING = ("dataset=", "recipe=", "benchmark.dataset.", "+benchmark.dataset.")


def main(arguments: Sequence[str]) -> int:
    """Do one thing with one data set; ``info`` without a choice describes those of all recipes."""
    plain = [word for word in arguments if "=" not in word and not word.startswith("-")]
    if len(plain) < 2:
        raise UsageError(help_text("data"))
    benchmark, verb = plain[:2] if plain[1] in DATA_ACTIONS or plain[0] not in DATA_ACTIONS else (plain[1], plain[0])
    if verb not in DATA_ACTIONS:
        raise UsageError(f"data cannot '{verb}'.{nearest(verb, list(DATA_ACTIONS))}")
    rest = list(arguments)
    rest.remove(benchmark)
    rest.remove(verb)
    options = common.parse(rest, "data")
    if benchmark not in benchmarks() and not options.config_dir:
        raise UsageError(f"There is no benchmark '{benchmark}'.{nearest(benchmark, benchmarks())}")
    chosen = any(word.startswith(CHOOSING) for word in options.overrides)
    from orchestrator.campaign.dataset import DataNotReadyError

    code = EXIT_OK
    try:
        if verb == "info" and not chosen and benchmark in benchmarks():
            answer = describe(benchmark, options)
        else:
            extra = ["recipe=reference"] if verb in OF_REAL_DATA and not chosen else []
            answer = work(verb, configuration(benchmark, [*extra, *options.overrides], options))
            answer = {"datasets": [answer]} if verb == "info" else answer
    except DataNotReadyError as error:
        print(f"error: {error}", file=sys.stderr)
        answer, code = {"error": str(error)}, EXIT_FAILED
    if options.json:
        common.print_json({"schema": "orchestrator.data/1", "verb": verb, "benchmark": benchmark, **answer})
    elif code == EXIT_OK:
        show(answer)
    return code


def configuration(benchmark: str, overrides: Sequence[str], options: common.Options) -> dict[str, Any]:
    """The configuration of a run with the same words."""
    config = compose_all([f"benchmark={benchmark}", *overrides], False, options.config_dir)[0]
    # Data have no mode: what the benchmark can do will do.
    validate({**config, "mode": config["benchmark"]["modes"][0]})
    return config


def work(verb: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Do it. What is to be done next is answered as command lines."""
    from orchestrator.campaign.dataset import commands, run_dataset

    root = Path.cwd() / config["cluster"]["paths"]["data"]
    answer = run_dataset(verb, config, root, common.stderr_console())
    if "next" in answer:
        answer["next"] = commands(config, answer["next"])
    return answer


def describe(benchmark: str, options: common.Options) -> dict[str, Any]:
    """Every data set that a recipe of the benchmark uses, once."""
    found: dict[str, dict[str, Any]] = {}
    ordered = sorted(recipes(benchmark), key=lambda name: (name != "reference", name))
    # Any method will do: it takes the data as they are.
    method = METHODS.options(benchmark)[0]
    for dataset, recipe in product(DATASETS.options(benchmark), ordered):
        chosen = [f"dataset={dataset}", f"method={method}", f"recipe={recipe}"]
        config = configuration(benchmark, [*chosen, *options.overrides], options)
        key = repr(config["benchmark"]["dataset"])
        if key in found:
            found[key]["recipes"].append(recipe)
        else:
            found[key] = {**work("info", config), "recipes": [recipe]}
    return {"datasets": list(found.values())}


def show(answer: Mapping[str, Any], indent: str = "") -> None:
    """The answer for people."""
    for key, value in answer.items():
        if isinstance(value, Mapping):
            print(f"{indent}{key}")
            show(value, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, item in enumerate(value):
                if number:
                    print()
                show(item, indent)
        elif isinstance(value, list):
            separator = f"\n{indent}{'':20} " if key == "next" else ", "
            print(f"{indent}{key:20} {separator.join(map(str, value))}")
        elif isinstance(value, int) and "bytes" in key:
            print(f"{indent}{key:20} {decimal(value)}")
        elif value is not None:
            print(f"{indent}{key:20} {value}")
