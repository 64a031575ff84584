"""What became of runs under faults: gathered by the tests, printed as a table at the end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Verdict:
    """Of one fault. ``seconds`` are from the fault to the end of the orchestrator's command."""

    fault: str
    printed: str
    exit_code: int
    seconds: float
    rows: int

    def __str__(self) -> str:
        return f"{self.fault} | {self.printed} | {self.exit_code} | {self.seconds:.1f} | {self.rows}"


VERDICTS: list[Verdict] = []
