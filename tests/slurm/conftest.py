"""The table of faults that the tests of this folder leave at the end."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

from verdicts import VERDICTS


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    if not VERDICTS:
        return
    terminalreporter.section("faults")
    terminalreporter.line("fault | what was printed | exit code | seconds to verdict | rows in the store")
    for verdict in VERDICTS:
        fault, printed, code, seconds, rows = astuple(verdict)
        terminalreporter.line(f"{fault} | {printed} | {code} | {seconds:.1f} | {rows}")
