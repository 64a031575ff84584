"""Programs in the place of Slurm's commands: what they answer, and how they were called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

Commands = Callable[..., Path]


def calls(log: Path, name: str) -> list[str]:
    return [line for line in log.read_text().splitlines() if line.split()[0] == name] if log.exists() else []


ARRAY = 'echo "Submitted batch job 7"'
TIMED_OUT = "echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2; exit 1"
FORGOTTEN = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


def answered(states: dict[str, str]) -> str:
    """A program that answers for jobs of the campaign as sacct does."""
    return "\n".join(f"printf '{job}\\x1f{state}\\x1fNone\\x1f\\x1fc\\n'" for job, state in states.items())
