"""``python -m orchestrator``: the verbs, and Hydra's own flags."""

from __future__ import annotations

import contextlib
import gc
import importlib
import io
import os
import sys

from orchestrator import __version__
from orchestrator.campaign.ending import Interrupted
from orchestrator.cli import help
from orchestrator.cli.failures import os_error, refuse_no_text, report_defect, report_error
from orchestrator.cli.output import print_in_any_locale
from orchestrator.cli.parsers import COMMAND
from orchestrator.cli.verbs import split_verb
from orchestrator.doctor.search_path import describe_foreign, foreign_packages, leave_foreign
from orchestrator.errors import EXIT_OK, EXIT_USAGE, OrchestratorError, UsageError

HYDRA_FLAGS = {
    "--hydra-help", "--cfg", "-c", "--resolve", "--package", "-p", "--info", "-i", "--shell-completion", "-sc",
}  # fmt: skip
HELP_FLAGS = {"--help", "-h"}
VERSION_FLAGS = {"--version", "-V"}


def hydra_main(arguments: list[str]) -> int:
    """Let Hydra answer its own flags, over the same configuration. What it shows has no secrets."""
    import hydra

    from orchestrator.config.compose import PRIMARY, SCHEMAS, named_benchmarks, register
    from orchestrator.config.families import benchmarks
    from orchestrator.config.overrides import read_overrides
    from orchestrator.config.redaction import hide

    register()
    words = list(arguments)
    completing = {"-sc", "--shell-completion"} & set(words)
    if not completing:
        if not any(word.startswith("benchmark=") for word in words):
            # Without one there is no configuration to show: take the first for an example.
            words.append(f"benchmark={benchmarks()[0]}")
        ours = [word for word in words if "=" in word and not word.startswith(("-", "hydra"))]
        settled = dict(zip(ours, read_overrides(ours, SCHEMAS[PRIMARY], named_benchmarks(ours)), strict=True))
        # Hydra's parser takes no KEY=VALUE after a flag with a value.
        words = [*settled.values(), *(word for word in words if word not in settled)]
    sys.argv = ["orchestrator", *words]
    shown = io.StringIO()
    try:
        with contextlib.redirect_stdout(shown):
            hydra.main(version_base="1.3", config_path=None, config_name=PRIMARY)(lambda config: None)()
    finally:
        print(hide(shown.getvalue()), end="")
    return EXIT_OK


def explain_import(error: ImportError) -> OrchestratorError | None:
    """Return the error that names the packages of somebody else's that stand in the way; None where there are none."""
    foreign = foreign_packages()
    if not foreign:
        return None
    return UsageError(
        f"{error}\nPYTHONPATH puts packages before this installation's: {describe_foreign(foreign)}. Unset "
        "PYTHONPATH, or unload the module that set it."
    )


FEW_COLLECTIONS = 100_000
"""Objects made between two searches for garbage: a start makes about as many, of which hardly any is garbage."""


def main(arguments: list[str] | None = None) -> int:
    """Run the verb that the arguments name; without arguments, that of the process's own command line.

    Return its exit code.
    """
    if arguments is not None:
        return run_command(arguments)
    gc.set_threshold(FEW_COLLECTIONS)
    try:
        return run_command(sys.argv[1:])
    finally:
        # The interpreter searches once more before it ends, which takes a tenth of a short command's time.
        gc.freeze()


def run_command(words: list[str]) -> int:
    """Run the verb; whatever goes wrong by the user's hand ends with one clear message, and a defect with its trace.

    With ``--json`` the message is a document too, on stdout.
    """
    if "_ARGCOMPLETE" in os.environ:
        from orchestrator.cli.completion import complete

        complete()
    print_in_any_locale()
    if not words or set(words) <= HELP_FLAGS:
        print(help.general_help(), end="")
        return EXIT_OK if words else EXIT_USAGE
    verb, rest = split_verb(words)
    try:
        return run_verb(verb, rest)
    except OrchestratorError as error:
        return report_error(error, verb, rest)
    except ImportError as error:
        foreign = explain_import(error)
        return report_error(foreign, verb, rest) if foreign else report_defect(error, verb, rest)
    except OSError as error:
        # A file or folder that cannot be used; a defect of ours has no file's name.
        found = os_error(error)
        return report_error(found, verb, rest) if found else report_defect(error, verb, rest)
    except KeyboardInterrupt:
        return report_error(Interrupted("interrupted"), verb, rest)
    except Exception as error:
        return report_defect(error, verb, rest)


def run_verb(verb: str, rest: list[str]) -> int:
    """Run a verb with its arguments; return its exit code."""
    for word in rest:
        refuse_no_text(word)
    if VERSION_FLAGS & set(rest):
        print(f"{COMMAND} {__version__}")
        return EXIT_OK
    if HELP_FLAGS & set(rest):
        print(help.verb_help(verb, [word for word in rest if word not in HELP_FLAGS]), end="")
        return EXIT_OK
    if verb in ("run", "plan") and HYDRA_FLAGS & {word.partition("=")[0] for word in rest}:
        return hydra_main(rest)
    if verb == "doctor":
        # It is the one to ask about packages of somebody else's, and must not die of them.
        leave_foreign()
    return int(importlib.import_module(f"orchestrator.cli.{verb}").main(rest))


if __name__ == "__main__":
    raise SystemExit(main())
