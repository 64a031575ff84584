"""How fast 200 runs are submitted to the test cluster, against submitit's own executor as it comes, in one run.

The jobs of both carry the same batch parameters and begin in an hour, so that none runs; all are cancelled at the end.
Prints one line of JSON; 1 if the rate is less than 4 times submitit's, which waits 0.2 s between jobs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from submitit.slurm.slurm import SlurmExecutor

from orchestrator.campaign import following as campaign
from orchestrator.campaign.submission import submit_all
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.launch.slurm.parameters import job_shape
from orchestrator.launch.slurm.scheduler import SlurmScheduler
from orchestrator.plan import Site, plan

LEAST = 4.0
RUNS = ["benchmark=noop", "mode=noop", "cluster=testcluster", "nodes=2", "comm=mpi"]
LATER = "+cluster.slurm.additional.begin=now+1hour"


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--submitit-jobs", type=int, default=50)
    options = parser.parse_args()
    jobs: list[str] = []
    with tempfile.TemporaryDirectory(prefix="submission-") as name:
        folder = Path(name)
        configs = compose_configurations(Options([*RUNS, LATER, f"repeats={options.runs}"]))
        runs = campaign.create(plan(configs, "stamp", Site(1, folder)), {})
        try:
            begun = time.perf_counter()
            refused = submit_all(SlurmScheduler(), runs)
            seconds = time.perf_counter() - begun
            jobs += {str(manifest.job_id).partition("_")[0] for _, manifest in runs}
            if refused:
                raise SystemExit(f"Slurm did not take all: {refused}")

            executor = SlurmExecutor(folder / "submitit")
            parameters = {key: value for key, value in job_shape(runs[0][1]).items() if key != "python"}
            executor.update_parameters(**parameters, wckey="")
            begun = time.perf_counter()
            jobs += [executor.submit(os.getpid).job_id for _ in range(options.submitit_jobs)]
            theirs = time.perf_counter() - begun
        finally:
            subprocess.run(["scancel", *jobs], check=False)
    rate, other = options.runs / seconds, options.submitit_jobs / theirs
    figures = {
        "benchmark": "slurm_submission", "runs": options.runs, "seconds": round(seconds, 2),
        "runs_per_s": round(rate, 1), "submitit_jobs": options.submitit_jobs, "submitit_s": round(theirs, 2),
        "submitit_jobs_per_s": round(other, 1), "ratio": round(rate / other, 1), "at_least": LEAST,
    }  # fmt: skip
    print(json.dumps(figures))
    return int(rate < LEAST * other)


if __name__ == "__main__":
    sys.exit(main())
