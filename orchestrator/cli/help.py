"""``python -m orchestrator help [VERB|KEY]``: what ``--help`` prints, and what a key of the configuration is."""

from __future__ import annotations

import argparse
import difflib
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict

from orchestrator.cli import common
from orchestrator.cli.parsers import parse, parser_of, program_name
from orchestrator.cli.verbs import VERBS
from orchestrator.errors import EXIT_OK, UsageError, nearest
from orchestrator.report.tables.rows import rows_text

EXAMPLES = """examples:
  {program} benchmark=stemdl nodes=2
  {program} plan benchmark=stemdl 'nodes=[1,2]' scale=weak
  {program} report --format html -o report"""


def main(arguments: Sequence[str]) -> int:
    """Print what is known of the words; without any, the verbs."""
    options = parse("help", arguments)
    words = options.words
    if options.schema:
        return print_schema(words)
    if not words or words[0] in VERBS:
        if options.json:
            chosen = {words[0]: VERBS[words[0]]} if words else VERBS
            common.print_json({"schema": "orchestrator.help/1", "verbs": chosen})
        else:
            print(verb_help(words[0], words[1:]) if words else general_help(), end="")
        return EXIT_OK
    return explain(words[0].partition("=")[0], options.json)


def general_help() -> str:
    """Return the verbs, one line each, and how to go on."""
    parser = argparse.ArgumentParser(
        prog=program_name(),
        usage=f"{program_name()} [VERB] [KEY=VALUE…] [options]",
        epilog=EXAMPLES.format(program=program_name()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version of this program")
    rows = rows_text([*VERBS.items()], shutil.get_terminal_size().columns, indent="  ")
    parser.add_argument_group("verbs (each explains itself: VERB --help)", rows)
    return parser.format_help()


def verb_help(verb: str, words: Sequence[str] = ()) -> str:
    """Return usage, summary and options of a verb, or of its action where ``words`` begin with one."""
    return parser_of(verb, words).format_help()


def print_schema(words: Sequence[str]) -> int:
    """Print the JSON Schema of a kind of file that sites write. Raises UsageError for another word."""
    from orchestrator.acceptance.schema import SuiteConfig
    from orchestrator.config.json_schema import file_schema
    from orchestrator.config.schema_benchmark import BenchmarkConfig
    from orchestrator.config.schema_machine import ClusterConfig
    from orchestrator.config.schema_schedule import NotifyConfig, ScheduleConfig

    kinds = {
        "cluster": (ClusterConfig, "A machine's profile"),
        "suite": (SuiteConfig, "An acceptance suite"),
        "benchmark": (BenchmarkConfig, "A benchmark"),
        "schedule": (ScheduleConfig, "A site's values of schedule"),
        "notify": (NotifyConfig, "A site's values of notify"),
    }
    if len(words) != 1 or words[0] not in kinds:
        raise UsageError(f"--schema takes one kind of file.{nearest(words[0] if words else '', list(kinds))}")
    common.print_json(file_schema(*kinds[words[0]]))
    return EXIT_OK


def explain(key: str, as_json: bool) -> int:
    """Print what a key is, and what is right below it. Raises UsageError for one that is not in the schema."""
    from orchestrator.config.explanations import explain_keys
    from orchestrator.config.schema_schedule import ScheduleVerbConfig

    known = {item.key: item for item in explain_keys(ScheduleVerbConfig)}
    if key not in known:
        close = difflib.get_close_matches(key, [*VERBS, *known], n=1, cutoff=0.5)
        hint = f" Did you mean {close[0]}?" if close else ""
        raise UsageError(f"'{key}' is neither a verb nor a key.{hint} Give a verb, or a key such as nodes.")
    below = [item for item in known.values() if item.key.rpartition(".")[0] == key]
    shown = [known[key], *below]
    if as_json:
        common.print_json({"schema": "orchestrator.help/1", "keys": [asdict(item) for item in shown]})
        return EXIT_OK
    width = max(40, shutil.get_terminal_size().columns - 1)
    for item in shown:
        default = "" if item.type == "group" else f" = {item.default}" if item.default is not None else " (to be given)"
        kind = "" if item.type == "group" else f": {item.type}"
        print(f"{item.key}{kind}{default}")
        print(textwrap.fill(item.text, width, initial_indent="    ", subsequent_indent="    "))
    return EXIT_OK
