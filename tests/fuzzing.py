"""Hostile values for every key of the schema, walked from the schema itself, and what is promised of each of them:

exit code 64 (a UsageError), or a plan that holds exactly what was typed; no traceback; no byte of it executed; nothing
written outside the results folder.

``make fuzz`` runs this file for long, and prints how much was tried; tests/orchestrator/test_fuzz.py runs it shortly.
Most inputs go through the reader of a command line or of YAML, the schema's types, validation and the rendered scripts;
some through the whole program.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin

import yaml
from fuzzing_suites import SUITE_LEAVES, SUITE_ROUTES, try_suite
from hostile import CANARY, WORDS, Count, assert_as_typed, yaml_text
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from orchestrator import __main__ as program
from orchestrator.config.compose import SCHEDULE, check_values, compose_documents
from orchestrator.config.keys import GROUPS, hint_at, schema_keys
from orchestrator.config.overrides import quote_text, read_overrides
from orchestrator.config.schema_schedule import ScheduleVerbConfig
from orchestrator.config.site import SiteSource
from orchestrator.config.validate import node_counts, validate
from orchestrator.config.words import alternatives, settle_value
from orchestrator.config.yaml_words import read_tree
from orchestrator.errors import EXIT_USAGE, UsageError
from orchestrator.launch.base import Run
from orchestrator.launch.slurm.scheduler import SlurmScheduler, batch_of
from orchestrator.launch.slurm.script import batch_script
from orchestrator.plan import Site, plan
from orchestrator.records import Manifest, RunDirectory
from orchestrator.schedule.backends import BACK_ENDS
from orchestrator.schedule.definition import Schedule, carried_environment
from orchestrator.schedule.installation import start_script

ROUTES = ("command line", "command line, quoted", "profile", "profile, quoted", "site folder", "suite", "schedule")
"""A value stands in a word of a command line, in a file of its group, in a file of a site's folder that Hydra reads, in
an override of a suite's workload, and in the text of a scheduled sweep.
"""


def leaves() -> dict[str, Any]:
    """Return the keys that hold values, and one within each mapping of any names."""
    found = {}
    for key, hint in schema_keys(ScheduleVerbConfig).items():
        kinds = alternatives(hint)
        if any(get_origin(kind) is dict for kind in kinds):
            found[f"{key}.{'begin' if key.endswith('additional') else 'NAME'}"] = get_args(hint)[1]
        if not any(is_dataclass(kind) for kind in kinds):
            found[key] = hint
    return found


LEAVES = leaves()


@cache
def base() -> tuple[DictConfig, dict[str, Any]]:
    """Return the configuration that values are put into, as Hydra holds it and resolved."""
    (config,) = compose_documents(["benchmark=stemdl", "cluster=a100x8", "campaign=c"], False, None, SCHEDULE)
    return OmegaConf.merge(OmegaConf.structured(ScheduleVerbConfig), config), config  # type: ignore[return-value]


def with_value(config: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return the configuration with another value at a dotted key."""
    first, _, rest = key.partition(".")
    return {**config, first: with_value(config.get(first) or {}, rest, value) if rest else value}


def typed(key: str, word: str, route: str, folder: Path) -> Any:
    """Return what a word at a key is read as, by the schema's types. Raises UsageError, or an error of OmegaConf."""
    if route == "suite":
        path = folder / "suite.yaml"
        path.write_text(f"overrides: [{yaml_text(f'++{key}={word}')}]\n", encoding="utf-8")
        (given,) = settle_value(read_tree(path)["overrides"], list[str])
        found = typed_override(given)
    elif route == "schedule":
        (given,) = shlex.split(shlex.quote(f"++{key}={word}"))
        found = typed_override(given)
    elif route == "site folder":
        path = folder / "site.yaml"
        above = "".join(f"{'  ' * depth}{part}:\n" for depth, part in enumerate(key.split(".")[:-1]))
        last = f"{'  ' * key.count('.')}{key.rpartition('.')[2]}: {word}\n"
        path.write_text(f"# @package _global_\n{above}{last}", encoding="utf-8", errors="surrogateescape")
        content = SiteSource("site", f"site://{folder}").load_config("site").config
        tree = OmegaConf.to_container(content, resolve=False)
        found = resolved_at(tree, key)
        if tree != with_value({}, key, found):
            raise UsageError("another key is in the file")
    elif route.startswith("command line"):
        found = typed_override(f"++{key}={quote_text(word) if route.endswith('quoted') else word}")
    else:
        scalar = yaml_text(word) if route.endswith("quoted") else word
        path = folder / "profile.yaml"
        path.write_text(f"KEY: {scalar}\n", encoding="utf-8", errors="surrogateescape")
        tree = read_tree(path)
        if set(tree) != {"KEY"}:
            raise UsageError("another key is in the file")
        found = settle_value(tree["KEY"], hint_at(ScheduleVerbConfig, key, ["stemdl"]))
    return through_schema(key, found)


def typed_override(line: str) -> Any:
    """Return the value of one override. Raises UsageError."""
    (read,) = read_overrides([line], ScheduleVerbConfig, ["stemdl"])
    (override,) = OverridesParser.create().parse_overrides([read])
    if override.is_sweep_override():
        raise UsageError("a sweep over several values needs -m.")
    return override.value()


def through_schema(key: str, value: Any) -> Any:
    """Return a value as the schema has it, resolved. Raises OmegaConfBaseException."""
    config, resolved = base()
    above = key.rpartition(".")[0]
    old = OmegaConf.select(config, above) if above else None
    try:
        OmegaConf.update(config, key, value, merge=True, force_add=True)
        found = OmegaConf.select(config, key)
        if isinstance(found, (DictConfig, ListConfig)):
            found = OmegaConf.to_container(found, resolve=True)
        if "${" in str(value):
            # What it refers to may be of another type: composing lays it over the schema once more.
            OmegaConf.merge(OmegaConf.structured(ScheduleVerbConfig), with_value({}, key, found))
        return found
    finally:
        restored: Any = resolved
        for part in key.split("."):
            restored = restored.get(part) if isinstance(restored, dict) else None
        if isinstance(old, DictConfig) and key.rpartition(".")[2] not in (resolved_at(resolved, above) or {}):
            old.pop(key.rpartition(".")[2], None)
        else:
            OmegaConf.update(config, key, restored, merge=False)


def resolved_at(config: Any, key: str) -> Any:
    """Return what stands at a dotted key."""
    for part in key.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config


def try_value(key: str, word: str, route: str, folder: Path, count: Count) -> None:
    """Try one input; raises AssertionError where a promise is broken, and whatever else the program raises."""
    count.routes[route] += 1
    count.keys[key] += 1
    try:
        value = typed(key, word, route, folder)
        changed = with_value(base()[1], key, node_counts(value) if key == "nodes" else value)
        check_values(changed, ScheduleVerbConfig)
        validate(changed)  # type: ignore[arg-type]
        text = rendered(changed, folder)
    except (UsageError, OmegaConfBaseException, yaml.YAMLError) as error:
        assert "Traceback" not in str(error)
        count.outcomes["refused"] += 1
        return
    except Exception as error:
        # Hydra's errors of reading are told as such by compose; whatever else comes through is a defect.
        if type(error).__module__.startswith("hydra"):
            count.outcomes["refused"] += 1
            return
        raise
    count.outcomes["planned as typed"] += 1
    assert_as_typed(LEAVES[key], key, word, route, value)
    lines = [line for line in text.splitlines() if CANARY in line]
    assert not any(line.lstrip().startswith(("touch", "*")) for line in lines), lines
    if isinstance(value, (str, list, dict)):
        # An empty text leaves an option out.
        size = -1 if isinstance(value, str) else len(value)
        assert len(text.splitlines()) <= lines_of(key, size), text


def rendered(config: Any, folder: Path) -> str:
    """Return all texts that something would execute: the batch script, the crontab, the units and the start script."""
    one: Any = {**config, "nodes": [1], "repeats": 1}
    runs = plan([one], "stamp", Site(4, folder)).runs
    run: Run = (
        RunDirectory(folder / "r"), Manifest(runs[0].spec, runs[0].config, runs[0].config_hash, {}, 0.0, attempts=1),
    )  # fmt: skip
    SlurmScheduler().mark([run])
    group = config["schedule"]
    schedule = Schedule(
        "n", "c", "0 2 * * 0", "cron", group["suite"] or "s", None, None, [], None, str(folder), str(folder / "r"),
        "sqlite://", group, config["notify"], {"PYTHONPATH": "x", **group["environment"]}, 0.0, "python",
    )  # fmt: skip
    units = [unit.text for name in BACK_ENDS for unit in BACK_ENDS[name]().units(schedule)]
    assert carried_environment({}, group)
    return "\n".join([batch_script(batch_of([run])), start_script(schedule), *units])


@cache
def lines_of(key: str, size: int) -> int:
    """Return how many lines the texts have with a harmless text at a key, or with so many of them."""
    hint = LEAVES[key]
    kinds = alternatives(hint)
    harmless: Any = "x" if str in kinds else resolved_at(base()[1], key)
    if size >= 0:
        names = any(get_origin(kind) is dict for kind in kinds)
        harmless = {f"x{number}": "x" for number in range(size)} if names else ["x"] * size
    with tempfile.TemporaryDirectory() as folder:
        changed = with_value(base()[1], key, harmless)
        return len(rendered(changed, Path(folder)).splitlines())


# --- the whole program


PROFILE = "name: own\nscheduler: slurm\nlauncher: srun\n"
PROGRAM_ROUTES: dict[str, Callable[[str, str, Path], list[str]]] = {
    "plan": lambda key, word, site: ["plan", "benchmark=stemdl", "cluster=a100x8", typed_word(key, word), "--json"],
    "site folder": lambda key, word, site: [
        "plan", "benchmark=stemdl", "cluster=own", "--config-dir", write_profile(site, key, word),
        "--json",
    ],
    "suite": lambda key, word, site: [
        "accept", "suite=own", "cluster=local", "--config-dir", write_suite(site, key, word), "nodes=0", "--json",
    ],
    "schedule": lambda key, word, site: [
        "schedule", "show", "cluster=local", "suite=s", "sweep=benchmark=stemdl", "when=0 2 * * SUN", "via=cron",
        typed_word(key, word), "--json",
    ],
    "scheduled sweep": lambda key, word, site: [
        "schedule", "show", "cluster=local", f"sweep=benchmark=stemdl {typed_word(key, word)}", "when=0 2 * * SUN",
        "via=cron", "--json",
    ],
}  # fmt: skip


def typed_word(key: str, word: str) -> str:
    """Return a word of a command line: that of a group chooses a file."""
    return f"{key}={word}" if key in GROUPS else f"++{key}={word}"


def write_profile(site: Path, key: str, word: str) -> str:
    """Write a site's profile of a machine with one more key; return the folder."""
    path = site / "cluster" / "own.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{'  ' * depth}{part}:" for depth, part in enumerate(key.split(".")[1:])] or ["x:"]
    path.write_text(PROFILE + "\n".join(lines) + f" {word}\n", encoding="utf-8", errors="surrogateescape")
    return str(site)


def write_suite(site: Path, key: str, word: str) -> str:
    """Write a suite with one workload that is given the key; return the folder."""
    suite = {
        "workloads": {"w": {"benchmark": "stemdl", "overrides": [typed_word(key, word)]}},
        "phases": [{"name": "p"}],
    }
    path = site / "acceptance" / "own.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(suite), encoding="utf-8", errors="surrogateescape")
    return str(site)


def try_program(key: str, word: str, route: str, count: Count) -> None:
    """Give one input to the whole program, in an empty folder."""
    count.routes[f"whole program: {route}"] += 1
    count.keys[key] += 1
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "work").mkdir()
        words = PROGRAM_ROUTES[route](key, word, folder / "site")
        out, err = io.StringIO(), io.StringIO()
        os.chdir(folder / "work")
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = program.main(words)
        finally:
            os.chdir(before)
        assert code in (0, EXIT_USAGE), f"{words}: exit code {code}: {err.getvalue()}"
        assert "Traceback" not in err.getvalue()
        document = json.loads(out.getvalue(), parse_constant=lambda constant: 1 / 0)
        assert document["schema"] != "orchestrator.error/1" or document["exit_code"] == code
        left = {path.relative_to(folder).parts[0] for path in folder.rglob("*")} - {"site", "work"}
        assert not left and not list((folder / "work").rglob("*")), "nothing is written"
    count.outcomes["planned as typed" if code == 0 else "refused"] += 1


ROUND = 2000
"""Inputs that hypothesis draws at a time: it keeps those of a round, so as to try none twice."""


def hold_promises(
    inputs: int, suites: int, whole: int, count: Count, begin: int | None = None, progress: bool = False
) -> None:
    """Try so many inputs, so many at keys of suites, and so many through the whole program. Raises at the first broken
    promise, the input made as short as it can be.

    ``begin`` is the seed of the first round; with None the inputs are the same each time. ``progress`` prints the
    counts after each round.
    """
    rules = settings(
        deadline=None, database=None, derandomize=begin is None, suppress_health_check=list(HealthCheck),
        print_blob=False,
    )  # fmt: skip
    keys, suite_keys = st.sampled_from(sorted(LEAVES)), st.sampled_from(sorted(SUITE_LEAVES))
    with tempfile.TemporaryDirectory() as name:

        def one(key: str, word: str, route: str) -> None:
            try_value(key, word, route, Path(name), count)

        def in_suite(key: str, word: str, route: str) -> None:
            try_suite(key, word, route, Path(name), count)

        def through_program(key: str, word: str, route: str) -> None:
            try_program(key, word, route, count)

        choices = st.sampled_from(sorted([*LEAVES, *GROUPS]))
        kinds: tuple[tuple[int, Callable[[str, str, str], None], Any, Sequence[str]], ...] = (
            (suites, in_suite, suite_keys, SUITE_ROUTES),
            (whole, through_program, choices, sorted(PROGRAM_ROUTES)),
            (inputs, one, keys, ROUTES),
        )
        number = begin or 0
        for wanted, attempt, chosen, routes in kinds:
            for done in range(0, wanted, ROUND):
                drawn = given(chosen, WORDS, st.sampled_from(routes))(attempt)
                if begin is not None:
                    drawn = seed(number)(drawn)
                settings(rules, max_examples=min(ROUND, wanted - done))(drawn)()
                number += 1
                if progress:
                    print(f"{attempt.__name__}, up to seed {number - 1}: {count.text()}\n", flush=True)


def main() -> int:
    """Run for long, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--suites", type=int, default=5_000, help="inputs at keys of acceptance suites and references")
    parser.add_argument("--whole", type=int, default=500, help="inputs through the whole program")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first round; the next has the next one")
    options = parser.parse_args()
    count = Count()
    try:
        hold_promises(options.inputs, options.suites, options.whole, count, options.seed, progress=True)
    finally:
        print(count.text())
    return 0


if __name__ == "__main__":
    sys.exit(main())
