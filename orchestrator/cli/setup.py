"""``python -m orchestrator setup``: gets what ranks need: their packages, an MPI where the site has none, Horovod."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.errors import EXIT_OK, UsageError


def main(arguments: Sequence[str]) -> int:
    """Complete this environment; return 0, also without Horovod, which runs do without."""
    options = parse("setup", arguments)
    if options.words:
        raise UsageError(f"setup takes no {options.words[0]}; give no words.")
    from orchestrator.installation.completing import complete_environment

    found = complete_environment()
    if options.json:
        values = {key: value if value is None else str(value) for key, value in asdict(found).items()}
        common.print_json({"schema": "orchestrator.setup/1", **values})
        return EXIT_OK
    print(f"MPI: {found.mpi}, {found.launcher}")
    if found.horovod:
        print(f"Horovod: {found.horovod} is ready")
        return EXIT_OK
    print(f"Horovod could not be built: {found.trouble}")
    if found.log:
        print(f"  all of the compiler's output: {found.log}")
    print("  runs work without it, and say so: comm=mpi takes its place; `setup` again goes on where it was")
    return EXIT_OK
