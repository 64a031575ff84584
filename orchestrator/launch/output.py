"""What launchers, Slurm and the kernel say of a failure, and which of it is the first cause.

Their last lines are about the end of everything else; the first that is not about an end says why.
"""

from __future__ import annotations

import re
from pathlib import Path

TAGS = re.compile(r"^(?:\[\d+,\d+\]<\w+>:|\s*\d+:) ?", re.MULTILINE)
"""How launchers mark lines with the rank that printed them: "[1,0]<stderr>: " and "3: "."""
DASHES = re.compile(r"^\s*-{20,}\s*$", re.MULTILINE)
"""What Open MPI draws above and below its advice."""
LONGEST_ADVICE = 240

OPEN_MPI_TROUBLES = (
    r"not enough space for \S+",
    r"At least one pair of MPI processes are unable to reach each other",
    r"ompi_mpi_init: [^-]*?failed",
)
"""What its boxes of advice say, shortest useful words first to last."""
OPEN_MPI_ENDS = re.compile(
    r"Primary job\s+terminated|process rank \d+ with PID|exited due to|non-zero|MPI_ABORT was invoked|"
    r"lost (?:contact|connection)|calling .abort"
)
"""Boxes about the end of ranks."""
SLURM_ERROR = re.compile(r"^(?:srun|slurmstepd(?:-\S+)?|slurmd): (?:fatal|error): (.+)$", re.MULTILINE)
SLURM_ENDS = re.compile(
    r"\*\*\*|tasks? [\d,-]+: |task \d+ launch failed|Timed out waiting|Terminating|[Aa]borted|Force Terminated|"
    r"already completing|Job/step|forcing job termination|Application launch failed|Invalid job id"
)
"""Errors that tell of an end, of which something else is the cause."""
SLURM_LINES = ("srun:", "slurmstepd:", "slurmstepd-", "slurmd:")


def without_tags(text: str) -> str:
    """Ranks' output without what the launcher writes before each line, and without the NULs that Open MPI prints."""
    return TAGS.sub("", text.replace("\0", ""))


def find_memory_end(text: str) -> str | None:
    """Return that Slurm ended ranks for their memory, with the amounts where it tells them; None if it does not say so.

    "StepId=7.0 exceeded memory limit (1610612736 > 322122547), being killed" counts bytes; a control group's kill has
    none: "Detected 1 oom-kill event(s) in StepId=7.0".
    """
    amounts = re.search(r"exceeded (?:\w+ )?memory limit \((\d+) > (\d+)\)", text)
    if amounts:
        used, limit = (int(number) / 1e9 for number in amounts.groups())
        return f"out of memory ({used:.1f} GB of {limit:.1f} GB)"
    kill = re.search(r"oom[-_ ]kill event|[Ee]xceeded (?:\w+ )?memory limit|Out Of Memory", text)
    return "out of memory (the job's share of its node is used up)" if kill else None


def find_rank_end(text: str) -> tuple[str, str] | None:
    """Return the first rank that srun says has ended, as "rank 1 on n1", and how: "Killed"."""
    found = re.search(r"srun: error: (\S+): tasks? ([\d,-]+): (.+)", text)
    if not found:
        return None
    return f"rank{'' if found[2].isdigit() else 's'} {found[2]} on {found[1]}", found[3].strip()


def find_node_failure(text: str) -> str | None:
    """Return which node Slurm says has failed under a step."""
    found = re.search(r"Node failure on (\S+)", text)
    return f"node {found[1]} failed" if found else None


def find_slurm_error(text: str) -> str | None:
    """Return the first error of srun or of a node's daemon that is not about an end."""
    return next((line.strip() for line in SLURM_ERROR.findall(text) if not SLURM_ENDS.search(line)), None)


def find_advice(text: str) -> str | None:
    """Return what Open MPI says went wrong, in one line: a known trouble, or else the first sentences of its first box
    (between lines of dashes) that is not about a process's end; None if there is no such box.
    """
    text = without_tags(text)
    troubles = [found[0] for pattern in OPEN_MPI_TROUBLES if (found := re.search(pattern, " ".join(text.split())))]
    if troubles:
        return "; ".join(troubles)
    boxes = [" ".join(box.split()) for box in DASHES.split(text)[1::2]]
    # A warning, which most runs go on after, comes first and is the cause only where nothing else is said.
    for words in sorted(boxes, key=lambda box: box.startswith("WARNING")):
        if not words or OPEN_MPI_ENDS.search(words):
            continue
        first, *more = re.split(r"(?<=[.!]) (?=[A-Z])", words)
        for sentence in more:
            if len(first) + len(sentence) < LONGEST_ADVICE:
                first = f"{first} {sentence}"
            else:
                break
        return first if len(first) <= LONGEST_ADVICE else first[:LONGEST_ADVICE].rsplit(" ", 1)[0] + " …"
    return None


def last_line(text: str, skip: tuple[str, ...] = SLURM_LINES) -> str:
    """Return the last line that is more than dashes, of the program's own if it wrote any; "" without one."""
    lines = [line.strip() for line in without_tags(text).splitlines() if line.strip(" -\t")]
    own = [line for line in lines if not line.startswith(skip)]
    return (own or lines or [""])[-1]


def kernel_kills() -> int:
    """Return how many processes this host's kernel has ended for want of memory since it booted (proc(5), vmstat)."""
    try:
        found = re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
