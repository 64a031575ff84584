"""How long ``plan`` takes for a matrix of 10 data sets × 12 methods × 5 seeds.

No shipped benchmark has as many. In a copy of the packages, `disentanglement` gets copies of two of its data sets and
of one of its methods under other names; all the rest is as shipped. Prints one line of JSON: seconds by the clock and
of processors.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from start_time import ORCHESTRATOR, run_timed

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("orchestrator", "workloads", "cluster_profiles")
DATASETS, METHODS, SEEDS = 10, 12, 5
ROUNDS = 3


def fill(folder: Path, wanted: int) -> list[str]:
    """Copy choices of a folder under other names, with their options, until it has as many; return all names."""
    shipped = sorted(path.stem for path in folder.glob("*.yaml"))
    for number in range(wanted - len(shipped)):
        for ending in (".yaml", "_config.py"):
            if (folder / f"{shipped[number]}{ending}").exists():
                shutil.copy(folder / f"{shipped[number]}{ending}", folder / f"copy_{number}{ending}")
    return sorted(path.stem for path in folder.glob("*.yaml"))


def main() -> None:
    """Time the command."""
    with tempfile.TemporaryDirectory() as name:
        copy, empty = Path(name, "copy"), Path(name, "empty")
        empty.mkdir()
        for package in PACKAGES:
            shutil.copytree(PROJECT / package, copy / package)
        family = copy / "workloads" / "disentanglement"
        datasets, methods = fill(family / "datasets", DATASETS), fill(family / "methods", METHODS)
        words = [
            "plan", "benchmark=disentanglement", "dataset=" + ",".join(datasets), "method=" + ",".join(methods),
            f"seed=range(1,{SEEDS + 1})", "-m",
        ]  # fmt: skip
        os.environ["PYTHONPATH"] = str(copy)
        shown = subprocess.run([*ORCHESTRATOR, *words, "--json"], cwd=empty, check=True, capture_output=True, text=True)
        runs = len(json.loads(shown.stdout)["runs"])
        taken = [run_timed([*ORCHESTRATOR, *words], str(empty)) for _ in range(ROUNDS)]
    wall, processor = zip(*taken, strict=True)
    print(json.dumps({
        "benchmark": "matrix_plan", "datasets": len(datasets), "methods": len(methods), "seeds": SEEDS, "runs": runs,
        "wall_s": [round(each, 3) for each in wall], "processor_s": [round(each, 3) for each in processor],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
