"""``python -m orchestrator doctor [cluster=NAME]``: examine this machine for causes that would make a run fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from orchestrator.cli import common
from orchestrator.cli.output import counted
from orchestrator.config.compose import compose_all
from orchestrator.config.families import benchmarks
from orchestrator.config.validate import validate
from orchestrator.doctor.findings import Finding
from orchestrator.errors import EXIT_FAILED, EXIT_OK

MARKS = {"ok": "[green]ok[/green]", "warning": "[yellow]warning[/yellow]", "error": "[red]error[/red]"}


def main(arguments: Sequence[str]) -> int:
    """Print the findings; return 1 if one of them is an error."""
    options = common.parse_options(arguments, "doctor")
    overrides = list(options.overrides)
    if not any(word.startswith("benchmark=") for word in overrides):
        overrides.append(f"benchmark={benchmarks()[0]}")
    config = compose_all(overrides, False, options.config_dir)[0]
    validate(config)
    from rich.markup import escape
    from rich.table import Table

    from orchestrator.doctor.installation import examine
    from orchestrator.report.tables.fitting import print_fitting

    results = Path.cwd() / config["results"]
    findings = examine(config, results, common.store_url(config, results))
    if options.json:
        common.print_json({"schema": "orchestrator.doctor/1", "findings": [asdict(item) for item in findings]})
    else:
        table = Table(
            "subject",
            "",
            "found",
            "what to do",
            title=escape(f"cluster {config['cluster']['name']}"),
            title_justify="left",
            show_edge=False,
        )
        for item in findings:
            table.add_row(item.subject, MARKS[item.state], escape(item.detail), escape(item.remedy))
        print_fitting(table, (), common.stdout_console())
        print(conclusion(findings))
    return EXIT_FAILED if any(item.state == "error" for item in findings) else EXIT_OK


def conclusion(findings: Sequence[Finding]) -> str:
    """Return in one line whether a run would fail here."""
    errors, warnings = (sum(item.state == state for item in findings) for state in ("error", "warning"))
    if errors:
        return f"{counted(errors, 'finding')} would make a run fail"
    return "nothing would make a run fail" + (f"; {counted(warnings, 'warning')}" if warnings else "")
