"""``python -m orchestrator KEY=VALUE…``: plan, submit, follow with live progress, collect, print the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli import common
from orchestrator.errors import EXIT_FAILED, EXIT_NOT_NOW, EXIT_OK

if TYPE_CHECKING:
    from rich.console import Console

    from orchestrator.campaign.conduct import Outcome
    from orchestrator.records.settings import Configuration


def compose_configurations(options: common.Options) -> list[Configuration]:
    """Return the valid configurations of a command line. Raises UsageError."""
    from orchestrator.config.compose import compose_all
    from orchestrator.config.validate import validate

    configs = compose_all(options.overrides, options.multirun, options.config_dir)
    for config in configs:
        validate(config)
    return configs


def main(arguments: Sequence[str]) -> int:
    """Run a campaign to its end; return the exit code."""
    options = common.parse_options(arguments, "run")
    configs = compose_configurations(options)
    from orchestrator.campaign.conduct import conduct
    from orchestrator.report.tables.live import LiveView

    console = common.stderr_console()
    return report_outcome(conduct(configs, LiveView(console), detach=options.detach), console, options.json)


def report_outcome(outcome: Outcome, console: Console, as_json: bool) -> int:
    """Report a campaign's outcome; return the exit code."""
    from orchestrator.cli.report import show_report

    silent = outcome.detached and not as_json
    code = EXIT_OK if silent else show_report(outcome.campaign, outcome.records, as_json)
    for trouble in outcome.troubles:
        again = f"`python -m orchestrator collect {outcome.campaign}` tries again"
        console.print(f"[red]{trouble}[/red]; nothing is lost: {again}")
    if outcome.detached:
        code = EXIT_OK
    return code or (EXIT_FAILED if outcome.interrupted else EXIT_NOT_NOW if outcome.troubles else EXIT_OK)
