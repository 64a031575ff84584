"""A site's own family of two data sets and two methods, run for real: from its folder to the matrix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from commands import PROJECT, environment

from orchestrator.report.document import SCHEMA_FILE

pytestmark = pytest.mark.ranks

SITE = {
    "benchmark/family.yaml": """
name: family
task: recording_task:RecordingTask
dataset_class: workloads.stemdl.dataset:StemdlDataset
pictures: false
dataset:
  {source: stand-in, version: "2", split: material, preset: tiny, seed: 1, space_groups: 2,
   materials_per_space_group: 4, samples_per_material: 2, evaluation_share: 0.25, largest_cell: 24}
training: {epochs: 2, batch_size: 8, keep_model: false}
quality: {metric: top1, target: 0.1, basis: chosen}
published: [{metric: top1, value: 0.5, source: a paper, dataset: apples, method: hasty}]
""",
    "recipes/family/small.yaml": "training: {evaluation_batch_size: 8}",
    "datasets/family/apples.yaml": "dataset: {seed: 1}",
    "datasets/family/pears.yaml": "dataset: {seed: 2}",
    "methods/family/careful.yaml": "training: {optimizer: {learning_rate: 0.001}}",
    "methods/family/hasty.yaml": "training: {optimizer: {learning_rate: 0.1}}",
}


def test_one_command_gives_one_campaign_and_one_matrix(tmp_path: Path) -> None:
    for name, text in SITE.items():
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text(text)
    sweep = ["benchmark=family", "dataset=apples,pears", "method=careful,hasty", "-m", "comm=mpi"]
    sweep += ["cluster.threads_per_rank=1"]
    command = [sys.executable, "-m", "orchestrator", *sweep, "--config-dir", "site", "--json"]
    path = os.pathsep.join([str(PROJECT), str(PROJECT / "tests")])
    answer = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, env={**environment(), "PYTHONPATH": path}, timeout=300
    )
    assert answer.returncode in (0, 2), answer.stderr
    document = json.loads(answer.stdout)
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))
    assert {run["run"] for run in document["runs"]} == {
        f"family-{dataset}-{method}-small-mpi-n1-r0"
        for dataset in ("apples", "pears")
        for method in ("careful", "hasty")
    }
    assert {run["state"] for run in document["runs"]} == {"completed"}
    (matrix,) = document["matrix"]
    assert [dataset["name"] for dataset in matrix["datasets"]] == ["apples", "pears"]
    assert matrix["methods"] == ["careful", "hasty"]
    assert {(cell["dataset_name"], cell["method"], cell["n"]) for cell in matrix["cells"]} == {
        (dataset, method, 1) for dataset in ("apples", "pears") for method in ("careful", "hasty")
    }
    # Of single runs nobody can say that one is better.
    assert not any(found["best"] for cell in matrix["cells"] for found in cell["metrics"].values())
    assert matrix["published"][0]["source"] == "a paper"
    chosen = subprocess.run(
        [sys.executable, "-m", "orchestrator", "report", "--history", "method=hasty", "--format", "json"],
        capture_output=True, text=True, cwd=tmp_path, env=environment(),
    )  # fmt: skip
    assert {entry["method"] for entry in json.loads(chosen.stdout)["series"]} == {"hasty"}
