"""What became of runs under faults: gathered by the tests, printed as a table at the end."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Verdict:
    """Of one fault. ``seconds`` are from the fault to the end of the orchestrator's command; ``starts`` are those of
    each run.
    """

    fault: str
    printed: str
    exit_code: int
    seconds: float
    rows: int
    states: str = ""
    starts: str = ""

    def __str__(self) -> str:
        told = [self.fault, self.states, self.exit_code, self.printed, self.rows, self.starts, f"{self.seconds:.1f}"]
        return " | ".join(map(str, told))


HEADINGS = (
    "fault | states | exit code | what was printed | rows in the store | starts of each run | seconds to the verdict"
)


VERDICTS: list[Verdict] = []
