"""``python -m orchestrator data BENCHMARK VERB [KEY=VALUE…]``: a benchmark's data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

from rich.filesize import decimal

from orchestrator.cli import common
from orchestrator.cli.verbs import DATA_ACTIONS
from orchestrator.config.compose import compose_all
from orchestrator.config.families import DATASETS, benchmarks, methods_taking, recipes
from orchestrator.config.validate import validate
from orchestrator.errors import EXIT_FAILED, EXIT_OK, UsageError, nearest
from orchestrator.records import DataAnswer
from orchestrator.records.settings import Configuration

OF_REAL_DATA = ("download", "convert")
"""Verbs that mean the published data unless told otherwise; the others, what a run with the same words would use."""
CHOOSING = ("dataset=", "recipe=", "benchmark.dataset.", "+benchmark.dataset.")


def main(arguments: Sequence[str]) -> int:
    """Run one action on one data set. ``info`` without a choice describes the data sets of all recipes."""
    # As all other verbs take it.
    arguments = [word.removeprefix("benchmark=") for word in arguments]
    plain = [word for word in arguments if "=" not in word and not word.startswith("-")]
    if len(plain) < 2:
        actions = ", ".join(DATA_ACTIONS)
        raise UsageError(f"Say of which benchmark, and what to do: data BENCHMARK ACTION. Actions are: {actions}.")
    benchmark, verb = plain[:2] if plain[1] in DATA_ACTIONS or plain[0] not in DATA_ACTIONS else (plain[1], plain[0])
    if verb not in DATA_ACTIONS:
        raise UsageError(f"data cannot '{verb}'.{nearest(verb, list(DATA_ACTIONS))}")
    rest = list(arguments)
    rest.remove(benchmark)
    rest.remove(verb)
    options = common.parse_options(rest, "data")
    if benchmark not in benchmarks() and not options.config_dir:
        raise UsageError(f"There is no benchmark '{benchmark}'.{nearest(benchmark, benchmarks())}")
    chosen = any(word.startswith(CHOOSING) for word in options.overrides)
    from orchestrator.campaign.dataset import DataNotReadyError

    try:
        if verb == "info" and not chosen and benchmark in benchmarks():
            answer = describe_datasets(benchmark, options)
        else:
            extra = ["recipe=reference"] if verb in OF_REAL_DATA and not chosen else []
            answer = run_action(verb, compose_dataset_config(benchmark, [*extra, *options.overrides], options))
            answer = {"datasets": [answer]} if verb == "info" else answer
    except DataNotReadyError as error:
        # The words are right, and the data are not.
        error.exit_code = EXIT_FAILED
        raise
    if options.json:
        common.print_json({"schema": "orchestrator.data/1", "verb": verb, "benchmark": benchmark, **answer})
    else:
        print_answer(answer)
    return EXIT_OK


def compose_dataset_config(benchmark: str, overrides: Sequence[str], options: common.Options) -> Configuration:
    """The configuration of a run with the same words."""
    config = compose_all([f"benchmark={benchmark}", *overrides], False, options.config_dir)[0]
    # Data have no mode: what the benchmark can do will do.
    validate({**config, "mode": next(iter(config["benchmark"]["modes"]), config["mode"])})
    return config


def run_action(verb: str, config: Configuration) -> DataAnswer:
    """Run the action. Next steps are returned as command lines."""
    from orchestrator.campaign.dataset import command_lines, run_dataset

    root = Path.cwd() / config["cluster"]["paths"]["data"]
    answer = run_dataset(verb, config, root, common.stderr_console())
    if "next" in answer:
        answer["next"] = command_lines(config, str(answer["next"]))
    return answer


def describe_datasets(benchmark: str, options: common.Options) -> DataAnswer:
    """Return the description of every data set that a recipe of the benchmark uses, each once."""
    found: list[DataAnswer] = []
    recipes_by_settings: dict[str, list[str]] = {}
    ordered = sorted(recipes(benchmark), key=lambda name: (name != "reference", name))
    for dataset, recipe in product(DATASETS.options(benchmark), ordered):
        # Any method will do that takes the data: it takes them as they are.
        method = methods_taking(benchmark, dataset)[0]
        chosen = [f"dataset={dataset}", f"method={method}", f"recipe={recipe}"]
        config = compose_dataset_config(benchmark, [*chosen, *options.overrides], options)
        key = repr(config["benchmark"]["dataset"])
        if key in recipes_by_settings:
            recipes_by_settings[key].append(recipe)
        else:
            recipes_by_settings[key] = [recipe]
            found.append({**run_action("info", config), "recipes": recipes_by_settings[key]})
    return {"datasets": found}


def print_answer(answer: Mapping[str, object], indent: str = "") -> None:
    """Print the answer for people."""
    for key, value in answer.items():
        if isinstance(value, Mapping):
            print(f"{indent}{key}")
            print_answer(value, f"{indent}  ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, item in enumerate(value):
                if number:
                    print()
                print_answer(item, indent)
        elif isinstance(value, list):
            separator = f"\n{indent}{'':20} " if key == "next" else ", "
            print(f"{indent}{key:20} {separator.join(map(str, value))}")
        elif isinstance(value, int) and "bytes" in key:
            print(f"{indent}{key:20} {decimal(value)}")
        elif value is not None:
            print(f"{indent}{key:20} {value}")
