"""A two-node job that does nothing, from command to result in the store, against ReFrame 4.10 on the same Slurm.

Both launch the same rank program (``python -m workloads.entry`` of the benchmark ``noop``: import, join the
communicator, count the world, report) by ``srun --mpi=pmix`` on the test cluster (``slurm/testcluster up``), in turns.
Prints one line of JSON with the medians, their ratio and where our time goes; 1 if the ratio exceeds 1.2.
ReFrame is installed into a throw-away environment, outside of every timing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
REFRAME = "reframe-hpc==4.10.4"
LIMIT = 1.2
SECONDS = 240
RUN = ["benchmark=noop", "mode=noop", "cluster=testcluster", "nodes=2"]

TEST = """
import os
import reframe as rfm
import reframe.utility.sanity as sn

@rfm.simple_test
class Noop(rfm.RunOnlyRegressionTest):
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    num_tasks, num_tasks_per_node, num_cpus_per_task = 2, 1, 1
    time_limit = "30m"
    executable = os.environ["NOOP_PYTHON"]
    executable_opts = ["-m", "workloads.entry", os.environ["NOOP_RUN"], "--attempt", "1"]

    @run_before("run")
    def launch_as_the_other_side_does(self):
        self.job.launcher.options = [
            "--mpi=pmix", "--cpus-per-task=1", "--kill-on-bad-exit=1", "--wait=30", "--label", "--unbuffered",
        ]
        self.env_vars = dict(word.split("=", 1) for word in os.environ["NOOP_ENVIRONMENT"].split("\\n"))

    @sanity_function
    def it_completed(self):
        return sn.assert_found('"state": "completed"', os.environ["NOOP_RUN"] + "/attempt-1/result.json")
"""

SETTINGS = """
site_configuration = {
    "systems": [{
        "name": "testcluster", "hostnames": [".*"],
        "partitions": [{
            "name": "batch", "scheduler": "slurm", "launcher": "srun", "environs": ["builtin"],
            "access": ["--partition=batch"],
        }],
    }],
}
"""

# Makes the folder of a run without submitting it: what ReFrame's ranks are given. Prints it and the environment.
PREPARE = """
import json, sys
from pathlib import Path
from orchestrator.campaign import following as campaign
from orchestrator.cli.common import Options
from orchestrator.cli.run import compose_configurations
from orchestrator.campaign.conduct import prepare
from orchestrator.launch.job import rank_environment
configs, planned = prepare(compose_configurations(Options(sys.argv[1:])))
((directory, manifest),) = campaign.create(planned, {})
directory.attempt(1).path.mkdir()
print(json.dumps([str(directory.path), rank_environment(manifest.config["cluster"], 1)]))
"""


def ours(folder: Path, number: int, words: list[str], environment: Mapping[str, str]) -> dict[str, float]:
    """One run of the orchestrator; seconds in all and of its parts."""
    begun = time.time()
    command = [sys.executable, "-m", "orchestrator", *words, f"campaign=ours-{number}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    ended = time.time()
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return {"total": ended - begun, **parts(next(folder.glob(f"results/ours-{number}/*/manifest.json")), begun, ended)}


def parts(path: Path, begun: float, ended: float) -> dict[str, float]:
    """Where the time went, s, from what a run leaves behind."""
    import h5py
    import numpy as np

    manifest = json.loads(path.read_text())
    attempt = path.parent / "attempt-1"
    claimed = json.loads((attempt / "job.json").read_text())["started"]
    over = json.loads((attempt / "ended.json").read_text())["ended"]
    with h5py.File(attempt / "telemetry.h5") as file:
        names = list(file["phase/name"].asstr()[()])
        start, stop = np.asarray(file["phase/start"]), np.asarray(file["phase/stop"])
    first = float(np.min(start[:, names.index("import")]))
    imported = float(np.max(stop[:, names.index("import")]))
    joined = float(np.max(stop[:, names.index("rendezvous")]))
    if first < begun - 1:
        # Phases are counted from the first rank's start.
        raise SystemExit(f"phases of {path} are not on the clock of this machine")
    return {
        "start, compose, plan": manifest["created"] - begun,
        "submit": manifest["submitted"] - manifest["created"],
        "queue, supervisor": claimed - manifest["submitted"],
        "srun": first - claimed,
        "rank start (imports)": imported - first,
        "communicator": joined - imported,
        "report, end": over - joined,
        "collect, print": ended - over,
    }


def theirs(folder: Path, number: int, words: list[str], environment: Mapping[str, str], reframe: Path) -> float:
    """One run of ReFrame; seconds."""
    prepare = [sys.executable, "-c", PREPARE, *words, f"campaign=theirs-{number}"]
    made = subprocess.run(prepare, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    run, variables = json.loads(made.stdout)
    own = {
        **environment,
        "HOME": str(folder),
        "NOOP_PYTHON": sys.executable,
        "NOOP_RUN": run,
        "NOOP_ENVIRONMENT": "\n".join(f"{name}={value}" for name, value in variables.items()),
    }
    command = [str(reframe), "-C", "settings.py", "-c", "noop_test.py", "-r", "--prefix=reframe"]
    begun = time.time()
    done = subprocess.run(command, cwd=folder, env=own, capture_output=True, text=True, timeout=SECONDS)
    seconds = time.time() - begun
    if done.returncode != 0 or "PASSED" not in done.stdout:
        raise SystemExit(done.stdout + done.stderr)
    return seconds


def install(folder: Path) -> Path:
    """ReFrame's command, in an environment of its own."""
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", REFRAME], check=True)
    return folder / "bin" / "reframe"


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--comm", default="mpi")
    parser.add_argument("--reframe", type=Path, help="a reframe command that is there already")
    options = parser.parse_args()
    words = [*RUN, f"comm={options.comm}"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    with tempfile.TemporaryDirectory(prefix="end-to-end-") as name:
        folder = Path(name)
        (folder / "noop_test.py").write_text(TEST)
        (folder / "settings.py").write_text(SETTINGS)
        reframe = (options.reframe or install(folder / "environment")).absolute()
        rounds = []
        for number in range(options.rounds + 1):
            pair = ours(folder, number, words, environment), theirs(folder, number, words, environment, reframe)
            if number:
                # The first round warms caches and makes what is made once.
                rounds.append(pair)
                print(f"{pair[0]['total']:.2f} s, ReFrame {pair[1]:.2f} s", file=sys.stderr, flush=True)
    mine, other = [pair[0] for pair in rounds], [pair[1] for pair in rounds]
    total, against = statistics.median(run["total"] for run in mine), statistics.median(other)
    ratios = [run["total"] / seconds for run, seconds in rounds]
    ratio = statistics.median(ratios)
    parts_s = {part: round(statistics.median(run[part] for run in mine), 2) for part in mine[0] if part != "total"}
    figures = {
        "benchmark": "slurm_end_to_end", "comm": options.comm, "seconds": round(total, 2),
        "reframe_s": round(against, 2), "ratio": round(ratio, 2), "ratio_of_medians": round(total / against, 2),
        "range": [round(min(ratios), 2), round(max(ratios), 2)], "limit": LIMIT, "n": len(rounds), "parts_s": parts_s,
    }  # fmt: skip
    print(json.dumps(figures))
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
