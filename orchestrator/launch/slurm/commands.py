"""The one way to call Slurm: one time limit, environment, encoding and error report."""

from __future__ import annotations

import logging
import os
import re
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.launch.environment import for_other_nodes

QUERY_SECONDS = 30.0
LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """The answer of a command. ``code`` is None without an answer: there is no such command, or it took too long."""

    command: str
    code: int | None
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.code == 0

    @property
    def text(self) -> str | None:
        """The command's output, None if it failed."""
        return self.out if self.ok else None

    @property
    def knows_no_job(self) -> bool:
        """Whether Slurm itself says that it knows none of the jobs that were named: they ended some minutes ago."""
        return self.code not in (None, 0) and "Invalid job id" in self.err

    @property
    def complaint(self) -> str:
        """The reason of the failure in one line."""
        return " ".join((self.err or self.out).split()) or f"{self.command} ended with code {self.code}"


def query_slurm(
    words: Sequence[str],
    seconds: float = QUERY_SECONDS,
    stdin: str | None = None,
    cluster: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Answer:
    """Run a command of Slurm, about another ``cluster`` than the usual one if it is named, and return its answer. It
    never raises: a missing or silent command has failed.

    The shell's SLURM_, SBATCH_ and SQUEUE_ variables are removed for every command, so that all speak to the same Slurm
    about the same jobs; ``variables`` are given to this one.
    """
    begun = time.monotonic()
    answer = run_command(words, seconds, stdin, cluster, variables or {})
    outcome = "no answer" if answer.code is None else f"code {answer.code}"
    trouble = "" if answer.ok else f": {answer.complaint}"
    LOGGER.debug("%s: %s after %.2f s%s", shlex.join(words), outcome, time.monotonic() - begun, trouble)
    return answer


def run_command(
    words: Sequence[str], seconds: float, stdin: str | None, cluster: str | None, variables: Mapping[str, str]
) -> Answer:
    """Run a command of Slurm and return its answer."""
    name = words[0]
    named = [] if cluster is None else [f"--clusters={cluster}"]
    try:
        done = subprocess.run(
            [name, *named, *words[1:]], input=stdin, stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True, encoding="utf-8", errors="replace", timeout=seconds,
            env={**for_other_nodes(os.environ), **variables},
        )  # fmt: skip
    except FileNotFoundError:
        return Answer(name, None, "", f"there is no {name} here")
    except subprocess.TimeoutExpired:
        return Answer(name, None, "", f"{name} gave no answer within {seconds:g} s: is slurmctld up?")
    except OSError as error:
        return Answer(name, None, "", f"{name} cannot be run: {error.strerror or error}")
    # Asked about a named cluster, commands begin with its name, headings or not.
    out = re.sub(r"^CLUSTER: .*\n", "", done.stdout, flags=re.MULTILINE) if named else done.stdout
    return Answer(name, done.returncode, out, done.stderr)
