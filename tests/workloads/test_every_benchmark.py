"""What holds for all four benchmarks alike: inference on any number of ranks, and one quality whatever their number."""

from __future__ import annotations

import json

import jsonschema
import pytest
from commands import Command

from orchestrator.report.document import SCHEMA_FILE

TINY = {
    "dms_scatter": ["preset=tiny"],
    "em_denoise": ["preset=tiny", "pixels=64", "training_images=4", "evaluation_images=9", "inference_images=1"],
    "slstr_cloud": ["preset=tiny", "height=72", "width=90", "patch=32", "crop=8", "scenes=15"],
    "stemdl": ["preset=tiny", "space_groups=3", "materials_per_space_group=5", "samples_per_material=2"],
}
QUICK = [
    "warm_up=1",
    "latency_samples=3",
    "batch_sizes=[1,2]",
    "seconds_per_batch_size=0.1",
    "passes=1",
]


@pytest.mark.ranks
@pytest.mark.parametrize("benchmark", TINY)
def test_inference_measures_the_same_quality_on_one_two_and_four_ranks(orchestrator: Command, benchmark: str) -> None:
    words = [f"benchmark.dataset.{word}" for word in TINY[benchmark]]
    words += [f"benchmark.inference.{word}" for word in QUICK]
    answer = orchestrator(
        f"benchmark={benchmark}", "mode=inference", "comm=mpi", "repeats=1", "nodes=[1,2,4]", *words, "--json"
    )
    # Nobody trained the model, so it misses its target; nothing else is wrong.
    assert answer.code in (0, 2), answer.err
    jsonschema.validate(answer.document, json.loads(SCHEMA_FILE.read_text()))
    runs = {run["ranks"]: run for run in answer.document["runs"]}
    assert sorted(runs) == [1, 2, 4] and {run["state"] for run in runs.values()} == {"completed"}, answer.err
    assert len({json.dumps(run["quality"]["all"], sort_keys=True) for run in runs.values()}) == 1
    for ranks, run in runs.items():
        assert run["inference"]["latency_ms"]["memory"]["n"] == 3 * ranks
        assert run["inference"]["load_s"]["slowest"] > 0 and run["throughput"]["run"] > 0
        assert all(row["samples_per_s"] > 0 for row in run["inference"]["throughput"])
