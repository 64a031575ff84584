"""The one way to call Slurm: one time limit, one environment, one encoding, one account of what went wrong."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.launch.environment import without_foreign

QUERY_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """What a command said. ``code`` is None where there was no answer: no such command, or none in time."""

    command: str
    code: int | None
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether it did what was asked."""
        return self.code == 0

    @property
    def text(self) -> str | None:
        """What it printed, None if it failed."""
        return self.out if self.ok else None

    @property
    def complaint(self) -> str:
        """Why it failed, in one line."""
        return " ".join((self.err or self.out).split()) or f"{self.command} ended with code {self.code}"


def query_slurm(words: Sequence[str], seconds: float = QUERY_SECONDS, stdin: str | None = None) -> Answer:
    """Run a command of Slurm's. Raises nothing: a command that is not there or does not answer has failed.

    The shell's own SLURM_, SBATCH_ and SQUEUE_ variables do not reach it, whichever command it is: what submits and
    what asks must speak to the same Slurm, about the same things.
    """
    name = words[0]
    try:
        done = subprocess.run(
            list(words), input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL, capture_output=True,
            encoding="utf-8", errors="replace", timeout=seconds, env=without_foreign(os.environ),
        )  # fmt: skip
    except FileNotFoundError:
        return Answer(name, None, "", f"there is no {name} here")
    except subprocess.TimeoutExpired:
        return Answer(name, None, "", f"{name} gave no answer within {seconds:g} s: is slurmctld up?")
    except OSError as error:
        return Answer(name, None, "", f"{name} cannot be run: {error.strerror or error}")
    return Answer(name, done.returncode, done.stdout, done.stderr)
