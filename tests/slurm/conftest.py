"""The test cluster for the tests of this folder, and the table of faults that they leave at the end."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any


@dataclass
class Verdict:
    """What became of a run under a fault: seconds from the fault to the end of the orchestrator's command."""

    fault: str
    printed: str
    exit_code: int
    seconds: float
    rows: int


VERDICTS: list[Verdict] = []


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table."""
    if not VERDICTS:
        return
    terminalreporter.section("faults")
    terminalreporter.line("fault | what was printed | exit code | seconds to verdict | rows in the store")
    for verdict in VERDICTS:
        fault, printed, code, seconds, rows = astuple(verdict)
        terminalreporter.line(f"{fault} | {printed} | {code} | {seconds:.1f} | {rows}")
