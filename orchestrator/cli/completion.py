"""``sciml-orchestrator completion install``: has the shell complete verbs, options, names, keys and campaigns."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from orchestrator.cli import common
from orchestrator.cli.parsers import COMMAND, PARSERS, WORDS, parse, parser_of
from orchestrator.cli.verbs import DATA_ACTIONS, SCHEDULE_ACTIONS, STORE_ACTIONS, VERBS, split_verb
from orchestrator.config.paths import site_folder, usual_folder
from orchestrator.errors import EXIT_OK, UsageError, nearest

SHELLS = {
    "bash": (".local/share/bash-completion/completions", COMMAND),
    "zsh": (".local/share/zsh/site-functions", f"_{COMMAND}"),
    "fish": (".config/fish/completions", f"{COMMAND}.fish"),
}
"""Of each shell the folder below the home that it looks into, and the file's name."""
NOTES = {
    "bash": "a new bash completes {command}; without the package bash-completion, source that file in ~/.bashrc",
    "zsh": "put fpath=({folder} $fpath) before compinit into ~/.zshrc; a new zsh then completes {command}",
    "fish": "a new fish completes {command}",
}
ACTIONS: dict[str, Sequence[str]] = {
    "data": list(DATA_ACTIONS),
    "schedule": list(SCHEDULE_ACTIONS),
    "store": list(STORE_ACTIONS),
    "completion": ["install", "show"],
    "accept": ["verify", "sign", "propose"],
    "history": ["accept"],
}
ON_CAMPAIGNS = ("status", "logs", "resume", "cancel", "collect", "report", "compare")


def main(arguments: Sequence[str]) -> int:
    """Install or show the shell's script."""
    options = parse("completion", arguments)
    action, *rest = options.words or [""]
    shell = rest[0] if rest else Path(os.environ.get("SHELL", "bash")).name
    if action not in ACTIONS["completion"] or len(rest) > 1:
        raise UsageError(
            f"Say what to do: completion install or completion show.{nearest(action, ['install', 'show'])}"
        )
    if shell not in SHELLS:
        raise UsageError(f"{shell} is not known: give completion {action} with a shell.{nearest(shell, list(SHELLS))}")
    from argcomplete.shell_integration import shellcode

    script = shellcode([COMMAND], shell=shell)
    folder, name = SHELLS[shell]
    place = Path.home() / folder / name
    if action == "install":
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(script, encoding="utf-8")
    if options.json:
        found = {"schema": "orchestrator.completion/1", "shell": shell, "file": str(place)}
        common.print_json({**found, "installed": action == "install"})
    elif action == "show":
        print(script)
    else:
        print(f"{place}\n{NOTES[shell].format(command=COMMAND, folder=place.parent)}")
    return EXIT_OK


def complete(stream: TextIO | None = None, leave: Callable[[int], Any] = os._exit) -> None:
    """Answer the shell, which asks by variables of the environment, on ``stream`` (None: the one that it reads).

    It leaves without a word where it cannot answer: nothing may disturb a line that is being typed.
    """
    import argcomplete

    line = os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])]
    try:
        words = shlex.split(line)[1:]
    except ValueError:
        # A quote that is still open.
        words = line.split()[1:]
    before = words if line[-1:].isspace() else words[:-1]
    verb, rest = split_verb(before)
    parser = parser_of(verb, rest)
    action = next(action for action in parser._actions if action.dest == WORDS)

    def candidates(prefix: str, **_: Any) -> list[str]:
        return [word for word in words_after(verb, before, prefix) if word.startswith(prefix)]

    action.completer = candidates  # type: ignore[attr-defined]
    action.help = None
    argcomplete.autocomplete(
        parser, always_complete_options=False, exit_method=leave, output_stream=stream, append_space=None
    )


def words_after(verb: str, before: Sequence[str], prefix: str) -> list[str]:
    """Return what may come next: values of the key that ``prefix`` begins with, else names, actions and keys."""
    key, is_value, _ = prefix.partition("=")
    if is_value:
        *done, _ = prefix[len(key) + 1 :].split(",")
        head = f"{key}={''.join(word + ',' for word in done)}"
        return [head + value for value in values_of(key, before)]
    if verb == "help":
        return [*VERBS, *PARSERS, *keys()]
    if verb == "list":
        from orchestrator.config.catalogue import KINDS

        return [*KINDS, "benchmark="]
    if verb in ON_CAMPAIGNS:
        return [*campaigns(before), "results=", "store.url="]
    first = [] if verb != "run" or any(word in VERBS for word in before) or before else list(VERBS)
    names = []
    if verb == "data":
        from orchestrator.config.families import benchmarks

        names = benchmarks()
    # Long lists come once a dot says that one of the long names is meant.
    shown = [key for key in keys() if "." not in key or "." in prefix]
    return [*first, *names, *ACTIONS.get(verb, ()), *(f"{key}=" for key in shown), "suite=", "dataset=", "method="]


def campaigns(before: Sequence[str]) -> list[str]:
    """Return the names of the campaigns in the results folder, which a word before may name."""
    given = [word.partition("=")[2] for word in before if word.startswith("results=")]
    return sorted(path.name for path in common.folders_in(Path(given[-1] if given else usual_folder("results"))))


def keys() -> list[str]:
    """Return every key of the configuration."""
    from orchestrator.config.keys import schema_keys
    from orchestrator.config.schema_schedule import ScheduleVerbConfig

    return list(schema_keys(ScheduleVerbConfig))


def values_of(key: str, before: Sequence[str]) -> list[str]:
    """Return the names that a key may have as its value; none where there is no list of them."""
    from orchestrator.config import catalogue, families
    from orchestrator.records import choices

    named = [word.partition("=")[2] for word in before if word.startswith("benchmark=")]
    benchmarks = [name for name in named if name in families.benchmarks()] or families.benchmarks()
    found_site = site_folder()
    site = Path(found_site) if found_site else None
    found: dict[str, Callable[[], Sequence[str]]] = {
        "benchmark": families.benchmarks,
        "dataset": lambda: [option for name in benchmarks for option in families.DATASETS.options(name)],
        "method": lambda: [option for name in benchmarks for option in families.METHODS.options(name)],
        "recipe": lambda: [recipe for name in benchmarks for recipe in families.recipes(name)],
        "cluster": lambda: [item["name"] for item in catalogue.clusters(site)],
        "suite": lambda: [item["name"] for item in catalogue.catalogue(site, Path())["suites"]],
        "scale": lambda: list(choices.SCALE_MODES),
        "comm": lambda: list(choices.COMMUNICATORS),
        "mode": lambda: list(choices.MODES),
    }
    return sorted(set(found[key]())) if key in found else []
