"""``python -m orchestrator KEY=VALUE…``: plan, submit, follow with live progress, collect, print the table."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.cli.parsers import MODULE
from orchestrator.errors import EXIT_FAILED, EXIT_NOT_NOW, EXIT_OK
from orchestrator.report.kept import program_state

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.campaign.conduct import Outcome
    from orchestrator.records.settings import Configuration


def compose_configurations(options: common.Options) -> list[Configuration]:
    """Return the valid configurations of a command line. Raises UsageError."""
    from orchestrator.config.compose import compose_all
    from orchestrator.config.validate import validate

    configs = compose_all(options.overrides, options.multirun, options.config_dir)
    if not any(word.lstrip("+").startswith("comm=") for word in options.overrides):
        replace_missing_horovod(configs)
    for config in configs:
        validate(config)
    return configs


def replace_missing_horovod(configs: Sequence[Configuration]) -> None:
    """Let another communicator take the place of a Horovod that the ranks' Python lacks, and say so, once.

    Only this Python is known: a profile's own or a container's may have it.
    """
    here = [config for config in configs if not (config["cluster"]["python"] or config["cluster"]["container"])]
    wanting = [config for config in here if config["comm"] == "horovod"]
    if not wanting or importlib.util.find_spec("horovod") or not importlib.util.find_spec("torch"):
        return
    other = "mpi" if importlib.util.find_spec("mpi4py") else "torch"
    for config in wanting:
        config["comm"] = other
    remedy = "`python -m orchestrator setup` builds it"
    print(f"comm={other}, since horovod is not installed ({remedy})", file=sys.stderr)


def main(arguments: Sequence[str]) -> int:
    """Run a campaign to its end; return the exit code."""
    program = program_state()
    options = common.parse_options(arguments, "run")
    configs = compose_configurations(options)
    from orchestrator.campaign.conduct import conduct
    from orchestrator.report.tables.live import LiveView

    console = common.stderr_console(options.quiet)
    if on_login_node(options.overrides):
        remedy = "name its profile, cluster=NAME (`list clusters`), if the ranks belong on its nodes"
        console.print(
            f"[yellow]warning: Slurm is here, and the ranks start on this machine: {remedy}[/yellow]", soft_wrap=True
        )
    outcome = conduct(configs, LiveView(console), detach=options.detach, command=repeating_command(options))
    return report_outcome(outcome, console, options.json, program)


def on_login_node(overrides: Sequence[str]) -> bool:
    """Whether this machine submits to Slurm, is none of its nodes' jobs, and no cluster was named or found."""
    named = any(word.lstrip("+").startswith("cluster=") for word in overrides)
    return not named and shutil.which("sbatch") is not None and "SLURM_JOB_ID" not in os.environ


def repeating_command(options: common.Options) -> str:
    """Return the command line that plans the same runs again, under a new campaign's name and without secrets."""
    from orchestrator.config.redaction import hide

    words = [word for word in options.overrides if not word.startswith("campaign=")]
    words += ["-m"] if options.multirun else []
    words += ["--config-dir", str(Path(options.config_dir).resolve())] if options.config_dir else []
    return hide(shlex.join([*MODULE.split(), *words]))


def report_outcome(outcome: Outcome, console: Console, as_json: bool, program: str | None) -> int:
    """Report a campaign's outcome; return the exit code. ``program`` is its state when this process began."""
    from rich.markup import escape

    from orchestrator.cli.report import keep_for_later, show_report

    silent = outcome.detached and not as_json
    code = EXIT_OK if silent else show_report(outcome.campaign, outcome.records, as_json)
    for trouble in outcome.troubles:
        again = f"`python -m orchestrator collect {outcome.campaign}` tries again"
        console.print(f"[red]{escape(trouble)}[/red]; nothing is lost: {escape(again)}")
    if outcome.detached:
        code = EXIT_OK
    else:
        keep_for_later(outcome.store, outcome.campaign, program)
    return code or (EXIT_FAILED if outcome.interrupted else EXIT_NOT_NOW if outcome.troubles else EXIT_OK)
