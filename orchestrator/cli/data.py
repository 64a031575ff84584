"""``python -m orchestrator data BENCHMARK synthesise|verify|info [KEY=VALUE…]``: a benchmark's data set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from orchestrator.cli import common
from orchestrator.config.compose import UsageError, compose_all, nearest
from orchestrator.config.source import benchmarks
from orchestrator.config.validate import validate
from orchestrator.records import EXIT_OK

VERBS = {"synthesise": "ensure", "verify": "verify", "info": "info"}


def main(arguments: Sequence[str]) -> int:
    """Make, verify or describe; the data set is the one that a run with the same KEY=VALUE would use."""
    words = [word for word in arguments if "=" not in word and not word.startswith("-")]
    rest = [word for word in arguments if word not in words]
    if len(words) != 2:
        raise UsageError("Usage: python -m orchestrator data BENCHMARK synthesise|verify|info [KEY=VALUE…]")
    benchmark, verb = words if words[1] in VERBS else words[::-1]
    if verb not in VERBS:
        raise UsageError(f"data cannot '{words[1]}'.{nearest(words[1], list(VERBS))}")
    if benchmark not in benchmarks():
        raise UsageError(f"There is no benchmark '{benchmark}'.{nearest(benchmark, benchmarks())}")
    options = common.parse(rest, "data")
    config = compose_all([f"benchmark={benchmark}", *options.overrides], False, options.config_dir)[0]
    validate(config)
    from orchestrator.dataset import run_dataset

    root = Path.cwd() / config["cluster"]["paths"]["data"]
    title = f"{verb} {benchmark}"
    answer = run_dataset(VERBS[verb], config["benchmark"], root, common.stderr_console(), title)
    if options.json:
        common.print_json({"schema": "orchestrator.data/1", **answer})
    else:
        for key, value in answer.items():
            print(f"{key:20} {value}")
    return EXIT_OK
