"""What gathering telemetry costs a run: 4 ranks × 10,000 steps, at most 1 % of the run's time.

The steps are real ones, of a network as small as can be, under MPI: a longer step would make the part smaller.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

RANKS, STEPS, ROUNDS = 4, 10_000, 3
LIMIT = 0.01

PROGRAM = """
import json, sys
from pathlib import Path
import torch
from torch import nn
from workloads.runtime.communicators import join
from workloads.runtime.measurement.clocks import clock
from workloads.runtime.measurement.places import Place
from workloads.runtime.measurement.telemetry import Telemetry, TelemetryFile

torch.set_num_threads(1)
steps = int(sys.argv[2])
communicator = join("mpi")
model = nn.Linear(256, 16)
communicator.broadcast_state(model)
reducer = communicator.reducer(model, torch.device("cpu"))
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
telemetry = Telemetry(steps)
inputs = torch.randn(32, 256)
begun = clock()
for step in range(steps):
    start = clock()
    optimizer.zero_grad(set_to_none=True)
    reducer.backward(reducer.module(inputs).square().mean())
    optimizer.step()
    telemetry.step(clock() - start, 0.0, reducer.timings.waited, step // 100, 32)
communicator.barrier()
trained = clock() - begun
begun = clock()
place = Place(f"n{communicator.rank}", communicator.rank, 0, "cpu", (0,))
TelemetryFile(Path(sys.argv[1]), place, communicator).write(telemetry)
communicator.barrier()
if communicator.rank == 0:
    print(json.dumps([trained, clock() - begun]))
communicator.close()
"""


def measured(folder: str) -> tuple[float, float]:
    """Seconds of the steps and of the gathering."""
    launcher = Path(sys.executable).with_name("mpirun")
    options = ["-n", str(RANKS), "--bind-to", "none", "--map-by", ":OVERSUBSCRIBE"]
    settings = {"OMP_NUM_THREADS": "1", "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    environment = {**os.environ, **settings, "PYTHONPATH": ".", "OMPI_MCA_mpi_yield_when_idle": "1"}
    command = [str(launcher) if launcher.exists() else "mpirun", *options, sys.executable, "-c", PROGRAM]
    answer = subprocess.run(
        [*command, f"{folder}/telemetry.h5", str(STEPS)], check=True, capture_output=True, text=True, env=environment
    )
    trained, gathered = json.loads(answer.stdout.strip().splitlines()[-1])
    return float(trained), float(gathered)


def main() -> int:
    """Print the figures; 1 if the limit is missed."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = [measured(folder) for _ in range(ROUNDS)]
    ratio = statistics.median(gathered / trained for trained, gathered in pairs)
    print(
        json.dumps(
            {
                "benchmark": "gather_time",
                "ratio": round(ratio, 5),
                "limit": LIMIT,
                "ranks": RANKS,
                "steps": STEPS,
                "gather_ms": round(1e3 * statistics.median(gathered for _, gathered in pairs), 1),
                "run_s": round(statistics.median(trained for trained, _ in pairs), 2),
                "n": ROUNDS,
            }
        )
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
