"""Watching 10,000 jobs that wait: one command an interval, and at most a twentieth of a core.

Makes a campaign of so many runs, submits them as arrays, and looks at them as a campaign's orchestrator does: at its
files between queries, and with a query. Squeue is a program that answers as Slurm's does, or with ``--slurm`` the one
of a Slurm that is up (``slurm/testcluster up 4``), whose jobs then wait for their time to begin and are cancelled at
the end; it takes MaxJobCount jobs, 10,000 unless told. Times are of processors: this program's, those of the commands
that it runs, and with ``--slurm`` slurmctld's. Looks are spaced by what they take (launch/pace.py), so a share of a
core is the query's every ``cluster.limits.longest_query_s`` with the looks between.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator.campaign import following, submission
from orchestrator.campaign.state import query_statuses
from orchestrator.campaign.stuck import give_up_stuck
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.launch.base import Run
from orchestrator.launch.pace import REST, Pace
from orchestrator.launch.slurm import jobs
from orchestrator.launch.slurm.commands import query_slurm
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.plan import Site, plan

RUNS, ROUNDS, LIMIT = 10_000, 7, 0.05
ARRAY = 1000


def pretend(folder: Path, runs: int) -> None:
    """Put programs on the PATH that answer as Slurm's do: arrays of ARRAY tasks that wait."""
    waits = "\\x1fPENDING\\x1fResources\\x1f\\x1fwatching\\x1f\\n"
    lines = "".join(
        f"{first}_[0-{min(ARRAY, runs - ARRAY * (first - 1)) - 1}%50]{waits}"
        for first in range(1, 1 + -(-runs // ARRAY))
    )
    counter = folder / "count"
    counter.write_text("0")
    bodies = {
        "sbatch": f'n=$(($(cat {counter}) + 1)); echo $n > {counter}; echo "Submitted batch job $n"',
        "squeue": f"printf '{lines.replace('%', '%%')}'",
        "sacct": "true", "sinfo": "true", "scontrol": "true", "scancel": "true",
    }  # fmt: skip
    for name, body in bodies.items():
        program = folder / name
        program.write_text(f"#!/bin/bash\n{body}\n")
        program.chmod(0o755)
    os.environ["PATH"] = f"{folder}:{os.environ['PATH']}"


def used() -> tuple[float, float]:
    """Processor seconds of this process and of the commands that it waited for."""
    own, others = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime, others.ru_utime + others.ru_stime


def controller_s() -> float:
    """Processor seconds of slurmctld so far."""
    number = subprocess.run(["pgrep", "-o", "-x", "slurmctld"], capture_output=True, text=True, check=True).stdout
    fields = Path(f"/proc/{number.strip()}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def look(scheduler: SlurmScheduler, runs: list[Run]) -> None:
    """Look at all runs, as following a campaign does."""
    statuses = query_statuses(scheduler, runs)
    give_up_stuck(scheduler, runs, statuses)
    assert not following.startable(runs, statuses, 1)
    assert {status.state for status in statuses} <= {"pending", "submitted"}, statuses[0]


def main() -> int:
    """Print the figures; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--slurm", action="store_true", help="the Slurm that is up, not programs that answer like it")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if not chosen.slurm:
            (folder / "bin").mkdir()
            pretend(folder / "bin", chosen.runs)
        words = ["benchmark=stemdl", "cluster=testcluster", "campaign=watching", f"repeats={chosen.runs}"]
        words += [
            "cluster.limits.max_jobs=50",
            "+cluster.slurm.additional.begin=now+1hour",
            f"results={folder}/results",
        ]
        runs = following.create(plan(compose_configurations(Options(words)), "stamp", Site(4, folder)), {})
        scheduler = SlurmScheduler()
        commands: list[str] = []
        query = query_slurm

        def noted(words: list[str], *further: object, **named: object) -> object:
            commands.append(words[0])
            return query(words, *further, **named)  # type: ignore[arg-type]

        setattr(jobs, "query_slurm", noted)  # noqa: B010
        try:
            complaint = submission.submit_all(scheduler, runs)
            assert not complaint, complaint
            look(scheduler, runs)
            limits = runs[0][1].config["cluster"]["limits"]
            looks, queries, callers, controller = [], [], [], []
            commands.clear()
            for _ in range(ROUNDS):
                scheduler.pace = Pace(limits["query_s"], limits["longest_query_s"])
                busy, begun = (controller_s() if chosen.slurm else 0.0), used()
                look(scheduler, runs)
                between = used()
                scheduler.pace.due = time.monotonic() + 1000
                look(scheduler, runs)
                after = used()
                looks.append(after[0] - between[0])
                queries.append(between[0] - begun[0] - looks[-1])
                callers.append(between[1] - begun[1])
                controller.append(controller_s() - busy if chosen.slurm else 0.0)
        finally:
            if chosen.slurm:
                scheduler.cancel(runs)
    one, asked, called = (statistics.median(found) for found in (looks, queries, callers))
    resting = max(0.5, REST * one)
    share = one / (one + resting) + (asked + called) / limits["longest_query_s"]
    print(
        json.dumps(
            {
                "benchmark": "watching",
                "slurm": chosen.slurm,
                "jobs": chosen.runs,
                "commands_a_query": len(commands) / ROUNDS,
                "look_s": round(one, 4),
                "query_s": round(asked, 4),
                "its_command_s": round(called, 4),
                "slurmctld_s": round(statistics.median(controller), 4) if chosen.slurm else None,
                "seconds_between_looks": round(resting, 2),
                "share_of_a_core": round(share, 4),
                "limit": LIMIT,
                "n": ROUNDS,
            }
        )
    )
    return int(share > LIMIT or len(commands) > ROUNDS)


if __name__ == "__main__":
    sys.exit(main())
