"""``python -m orchestrator``: the verbs, and Hydra's own flags."""

from __future__ import annotations

import importlib
import sys

from orchestrator.cli.output import print_in_any_locale
from orchestrator.cli.verbs import VERBS
from orchestrator.doctor.search_path import describe_foreign, foreign_packages, leave_foreign
from orchestrator.errors import EXIT_FAILED, EXIT_OK, EXIT_USAGE, OrchestratorError

HYDRA_FLAGS = {
    "--help", "-h", "--hydra-help", "--version", "--cfg", "-c", "--resolve", "--package", "-p", "--info", "-i",
    "--shell-completion", "-sc",
}  # fmt: skip

USAGE = """usage: python -m orchestrator [VERB] [KEY=VALUE…] [--json] [-m] [--config-dir DIR]

verbs (each takes --json; on campaigns: the newest one if none is named)
{verbs}

examples
  python -m orchestrator benchmark=stemdl cluster=local nodes=2
  python -m orchestrator plan benchmark=stemdl nodes=[1,2,4] scale=weak repeats=3
  python -m orchestrator report --json

Everything below is Hydra's: the groups to choose from and the configuration as it stands.
"""


def usage() -> str:
    """Return the part of ``--help`` before Hydra's."""
    return USAGE.format(verbs="\n".join(f"  {name:8} {text}" for name, text in VERBS.items()))


def hydra_main(arguments: list[str]) -> int:
    """Let Hydra answer its own flags, over the same configuration."""
    import hydra

    from orchestrator.config.compose import PRIMARY, register
    from orchestrator.config.families import benchmarks

    register()
    words = [word for word in arguments if word not in VERBS]
    if "--help" in words or "-h" in words:
        print(usage())
    completing = {"-sc", "--shell-completion"} & set(words)
    if not completing and not any(word.startswith("benchmark=") for word in words):
        # Without one there is no configuration to show: take the first for an example.
        words.append(f"benchmark={benchmarks()[0]}")
    sys.argv = ["orchestrator", *words]
    hydra.main(version_base="1.3", config_path=None, config_name=PRIMARY)(lambda config: None)()
    return 0


def explain_import(error: ImportError) -> int:
    """Say that a package of somebody else's stands in the way; raises the error again where none does."""
    foreign = foreign_packages()
    if not foreign:
        raise error
    print(
        f"error: {error}\nPYTHONPATH puts packages before this installation's: {describe_foreign(foreign)}. Unset "
        "PYTHONPATH, or unload the module that set it.",
        file=sys.stderr,
    )
    return EXIT_USAGE


def main(arguments: list[str] | None = None) -> int:
    """Run the verb; whatever goes wrong by the user's hand ends with one clear message."""
    print_in_any_locale()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words:
        print(usage())
        return EXIT_USAGE
    verb = words[0] if words[0] in VERBS else "run"
    rest = words[1:] if words[0] in VERBS else words
    hydra_verb = verb in ("run", "plan")
    if hydra_verb and HYDRA_FLAGS & {word.partition("=")[0] for word in rest}:
        return hydra_main(rest)
    if not hydra_verb and {"--help", "-h"} & set(rest):
        from orchestrator.cli.help import help_text

        print(help_text(verb))
        return EXIT_OK

    try:
        if verb == "doctor":
            # It is the one to ask about packages of somebody else's, and must not die of them.
            leave_foreign()
        module = importlib.import_module(f"orchestrator.cli.{verb}")
        return int(module.main(rest))
    except OrchestratorError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except ImportError as error:
        return explain_import(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_FAILED


if __name__ == "__main__":
    raise SystemExit(main())
