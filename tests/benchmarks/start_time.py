"""How long commands take that start no run: ``plan``, and ``status`` and ``report`` of a campaign, on a warm disk.

A report is asked for again, as after a run's end, which leaves it; how long making one takes is told beside it.

Each in turn with what any program of its libraries pays: an interpreter alone, one that imports Hydra, one that only
composes our configuration, one that imports SQLAlchemy, NumPy and Rich. Wall and processor seconds, medians. Bytecode
is kept, as Python does by itself.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

ROUNDS = 9
RECORDED = Path(__file__).resolve().parents[1] / "recorded" / "version-0.1.tar.gz"
COMPOSE = "from orchestrator.config.compose import compose_all; compose_all(['benchmark=stemdl'], False)"
ORCHESTRATOR = [sys.executable, "-m", "orchestrator"]
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import hydra": [sys.executable, "-c", "import hydra"],
    "compose": [sys.executable, "-c", COMPOSE],
    "import sqlalchemy, numpy, rich": [sys.executable, "-c", "import sqlalchemy, numpy, rich.console, rich.table"],
    "plan": [*ORCHESTRATOR, "plan", "benchmark=stemdl"],
    "status": [*ORCHESTRATOR, "status", "version-0.1"],
    "report": [*ORCHESTRATOR, "report", "version-0.1"],
    "report, made anew": [*ORCHESTRATOR, "report", "version-0.1", "--format", "markdown"],
}
MOST_OF_HYDRA = 2.0
"""What ``plan`` may take of importing Hydra."""
LIMITS = {"status": ("python", 0.25), "report": ("python", 0.25)}
"""What each may take longer than another, s of a processor."""


def run_timed(command: list[str], folder: str) -> tuple[float, float]:
    """Return the wall and processor seconds of a command, whatever its exit code says of the campaign."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> int:
    """Print the figures; 1 if a limit is missed."""
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(RECORDED) as archive:
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(folder)
        for command in COMMANDS.values():
            run_timed(command, folder)
        rounds = [{name: run_timed(command, folder) for name, command in COMMANDS.items()} for _ in range(ROUNDS)]
    wall = {name: round(statistics.median(one[name][0] for one in rounds), 3) for name in COMMANDS}
    processor = {name: round(statistics.median(one[name][1] for one in rounds), 3) for name in COMMANDS}
    of_hydra = processor["plan"] / processor["import hydra"]
    above = {name: round(processor[name] - processor[other], 3) for name, (other, _) in LIMITS.items()}
    print(
        json.dumps(
            {
                "benchmark": "start_time",
                "wall_s": wall,
                "processor_s": processor,
                "plan_to_import_hydra": round(of_hydra, 2),
                "above": {name: {"of": other, "is_s": above[name], "limit_s": limit}
                          for name, (other, limit) in LIMITS.items()},
                "n": ROUNDS,
            }
        )
    )  # fmt: skip
    return int(of_hydra > MOST_OF_HYDRA or any(above[name] > limit for name, (_, limit) in LIMITS.items()))


if __name__ == "__main__":
    sys.exit(main())
