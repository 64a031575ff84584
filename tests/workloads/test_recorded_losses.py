"""What each benchmark's first steps gave when it was recorded, they still give, under every communicator.

On the kind of processor and the torch of the record, to the last bit; elsewhere sums are formed in another order.
``python tests/workloads/test_recorded_losses.py`` records anew: only for a change that is meant to change training.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch
from commands import Answer, Command, environment

RECORD = Path(__file__).resolve().parents[1] / "recorded" / "losses.json"
ELSEWHERE = 1e-3
"""Relative difference that five steps make of another order of summation."""

SMALLEST = {
    "dms_scatter": ["dataset.preset=tiny"],
    "em_denoise": [
        "dataset.preset=tiny", "dataset.pixels=64", "dataset.training_images=4", "dataset.evaluation_images=9",
        "dataset.inference_images=1", "training.batch_size=1",
    ],
    "slstr_cloud": [
        "dataset.preset=tiny", "dataset.height=72", "dataset.width=90", "dataset.patch=32", "dataset.crop=8",
        "dataset.scenes=15", "training.batch_size=2",
    ],
    "stemdl": [
        "dataset.preset=tiny", "dataset.space_groups=3", "dataset.materials_per_space_group=5",
        "dataset.samples_per_material=2", "training.batch_size=4",
    ],
}  # fmt: skip
FIVE_STEPS = [
    "training.precision=float32", "training.kernels=torch", "training.max_steps=5",
    "training.evaluate_every_epochs=100", "training.keep_model=false", "pictures=false",
    "count_work=false",
]  # fmt: skip
WORLDS = {"1 rank": ("comm=mpi", "nodes=1"), "2 ranks": ("comm=mpi,horovod,torch", "nodes=2", "-m")}
QUICKEST = ("em_denoise", "stemdl")
"""Those that take seconds."""


def words_for(benchmark: str, world: str) -> list[str]:
    """The command line of five steps from a fixed seed."""
    settings = [f"benchmark.{word}" for word in (*SMALLEST[benchmark], *FIVE_STEPS)]
    return [f"benchmark={benchmark}", "repeats=1", "cluster.threads_per_rank=1", *settings, *WORLDS[world], "--json"]


def measured(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each run's losses (a row a rank, float32) and metrics, by communicator, as exact texts."""
    found = {}
    for run in document["runs"]:
        with h5py.File(Path(run["directory"]) / "attempt-1" / "telemetry.h5") as file:
            losses = file["step/loss"][()]
        found[run["comm"]] = {
            "losses": [[float(value).hex() for value in row] for row in losses],
            "quality": {name: float(value).hex() for name, value in run["quality"]["all"].items()},
        }
    return found


def machine() -> dict[str, str]:
    """What decides the last bits: the processor's name and abilities, and torch."""
    facts = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    lines = [re.search(rf"^{name}\s*:\s*(.*)$", facts, re.MULTILINE) for name in ("model name", "flags", "cache size")]
    known = " ".join(line[1] for line in lines if line)
    return {"processor": hashlib.sha256(known.encode()).hexdigest()[:16], "torch": torch.__version__.partition("+")[0]}


@pytest.mark.ranks
@pytest.mark.parametrize("world", ["1 rank", pytest.param("2 ranks", marks=pytest.mark.thorough)])
@pytest.mark.parametrize(
    "benchmark",
    [pytest.param(name, marks=() if name in QUICKEST else pytest.mark.thorough) for name in SMALLEST],
)
def test_a_benchmark_trains_as_recorded_under_every_communicator(
    orchestrator: Command, benchmark: str, world: str
) -> None:
    record = json.loads(RECORD.read_text())
    expected = record["runs"][f"{benchmark}, {world}"]
    answer = orchestrator(*words_for(benchmark, world))
    assert answer.code in (0, 2), answer.err  # five steps reach no target
    runs = measured(answer.document)
    assert len(runs) == (1 if world == "1 rank" else 3), answer.err
    same_machine = machine() == {key: record[key] for key in ("processor", "torch")}
    for comm, run in runs.items():
        if same_machine:
            assert run == expected, comm
        else:
            assert run["quality"].keys() == expected["quality"].keys()
            losses = zip(run["losses"], expected["losses"], strict=True)
            for found, recorded in ((a, b) for row, other in losses for a, b in zip(row, other, strict=True)):
                assert math.isclose(float.fromhex(found), float.fromhex(recorded), rel_tol=ELSEWHERE), comm


def record_anew() -> None:
    """Write the record of this machine."""
    runs = {}
    for benchmark in SMALLEST:
        for world in WORLDS:
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "orchestrator", *words_for(benchmark, world)]
                done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment())
                found = measured(Answer(done.returncode, done.stdout, done.stderr).document)
                first, *others = found.values()
                if any(other != first for other in others):
                    raise SystemExit(f"{benchmark}, {world}: communicators differ")
                runs[f"{benchmark}, {world}"] = first
    RECORD.write_text(json.dumps({**machine(), "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    record_anew()
