"""Whole runs with real ranks: what is measured, stored and shown."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import h5py
import jsonschema
import numpy as np
import pytest
from commands import Command, environment
from ranks import EACH_COMMUNICATOR

from orchestrator.records.processors import describe_processors
from orchestrator.report.document import SCHEMA_FILE

pytestmark = pytest.mark.ranks


@pytest.fixture(scope="module", params=EACH_COMMUNICATOR)
def campaign(request: pytest.FixtureRequest, tiny: list[str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One campaign on 1 and 2 nodes under each communicator."""
    folder = tmp_path_factory.mktemp(request.param)
    command = [sys.executable, "-m", "orchestrator", *tiny, "nodes=[1,2]", f"comm={request.param}", "campaign=c"]
    answer = subprocess.run(
        [*command, "--json"], capture_output=True, text=True, cwd=folder, env=environment(), timeout=300
    )
    assert answer.returncode == 0, answer.stderr + answer.stdout
    return folder, json.loads(answer.stdout)


def test_the_report_follows_its_published_schema(campaign: Any) -> None:
    _, document = campaign
    jsonschema.validate(document, json.loads(SCHEMA_FILE.read_text()))


def test_every_rank_reports_its_own_throughput_and_host(campaign: Any) -> None:
    _, document = campaign
    for run in document["runs"]:
        assert run["state"] == "completed"
        assert len(run["throughput"]["per_rank"]) == len(run["hosts"]) == run["ranks"]
        assert sum(run["throughput"]["per_rank"]) == pytest.approx(run["throughput"]["run"], rel=0.1)


def test_the_target_is_reached_and_time_to_accuracy_is_a_number(campaign: Any) -> None:
    _, document = campaign
    for run in document["runs"]:
        assert run["quality"]["value"] >= run["quality"]["target"]
        assert 0 < run["time_to_accuracy_s"] < 120
        assert run["evaluations"][-1]["seconds"] == run["time_to_accuracy_s"]


def test_weak_efficiency_names_its_base(campaign: Any) -> None:
    _, document = campaign
    entries = {entry["nodes"]: entry for entry in document["scaling"]}
    assert set(entries) == {1, 2}
    assert entries[1]["efficiency"] == 1.0
    assert {entry["base_nodes"] for entry in entries.values()} == {1}
    assert {entry["mode"] for entry in entries.values()} == {"weak"}


def test_telemetry_holds_what_each_rank_measured_at_each_step(campaign: Any) -> None:
    _, document = campaign
    run = document["runs"][1]
    with h5py.File(Path(run["directory"]) / "attempt-1" / "telemetry.h5") as file:
        steps = run["training"]["steps"]
        for name in ("total", "data", "compute", "communicate"):
            assert file[f"step/{name}"].shape == (2, steps)
            assert file[f"step/{name}"].dtype == np.float32
        parts = file["step/data"][()] + file["step/compute"][()] + file["step/communicate"][()]
        np.testing.assert_allclose(parts, file["step/total"][()], rtol=1e-3, atol=1e-5)
        assert file["step/samples"][()].sum() == run["training"]["samples"]
        assert set(file["phase/name"].asstr()[()]) >= {"import", "rendezvous", "staging", "train", "evaluate"}
        assert file["phase/start"].shape[0] == 2
        assert (file["phase/stop"][()] >= file["phase/start"][()]).all()


def test_energy_is_counted_over_the_training_and_no_longer(campaign: Any) -> None:
    _, document = campaign
    for run in document["runs"]:
        result = json.loads((Path(run["directory"]) / "attempt-1" / "result.json").read_text())
        assert result["energy"]["seconds"] == pytest.approx(run["training"]["elapsed_s"], abs=1e-3)
        assert run["training"]["measured_samples"] == run["training"]["samples"]


def test_the_manifest_reproduces_the_run(campaign: Any) -> None:
    _, document = campaign
    manifest = json.loads((Path(document["runs"][0]["directory"]) / "manifest.json").read_text())
    assert manifest["config"]["benchmark"]["name"] == "stemdl"
    assert len(manifest["config_hash"]) == 64
    assert manifest["provenance"]["packages"]["torch"]
    assert manifest["provenance"]["processors"] == describe_processors()
    assert manifest["job_id"]
    text = json.dumps(manifest)
    assert "SSH_" not in text
    assert os.environ["PATH"] not in text


def test_mllog_has_mlperfs_keys_in_their_order(campaign: Any) -> None:
    _, document = campaign
    lines = (Path(document["runs"][0]["directory"]) / "attempt-1" / "mllog.txt").read_text().splitlines()
    events = [json.loads(line.removeprefix(":::MLLOG ")) for line in lines]
    keys = [event["key"] for event in events]
    for key in ("init_start", "init_stop", "run_start", "run_stop", "seed", "global_batch_size", "train_samples"):
        assert keys.count(key) == 1, key
    order = [keys.index(key) for key in ("init_start", "init_stop", "run_start", "epoch_start", "eval_start")]
    assert order == sorted(order)
    (named,) = (event["value"] for event in events if event["key"] == "host_processor_model_name")
    assert named == describe_processors()["name"]
    assert keys.count("eval_accuracy") == len(document["runs"][0]["evaluations"])
    assert next(event for event in events if event["key"] == "run_stop")["metadata"]["status"] == "success"


def test_collecting_again_changes_nothing(campaign: Any, orchestrator: Command) -> None:
    folder, document = campaign
    for _ in range(2):
        assert orchestrator("collect", "c", cwd=folder).code == 0
    again = orchestrator("report", "c", "--json", cwd=folder)
    assert again.code == 0
    assert again.document == document


def test_run_folders_made_elsewhere_are_collected_by_two_processes_at_once(
    campaign: Any, orchestrator: Command, tmp_path: Path
) -> None:
    folder, document = campaign
    copy = tmp_path / "elsewhere" / "c"
    shutil.copytree(folder / "results" / "c", copy)
    for path in copy.glob("*/manifest.json"):
        # Of a machine with a scheduler that nobody here knows.
        manifest = json.loads(path.read_text())
        manifest["scheduler"], manifest["job_id"] = "slurm", "17"
        path.write_text(json.dumps(manifest))
    words = [sys.executable, "-m", "orchestrator", "collect", str(copy), f"results={tmp_path / 'own'}"]
    both = [subprocess.Popen(words, env=environment(), stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(120) for process in both] == [0, 0]
    found = orchestrator("report", "c", f"results={tmp_path / 'own'}", "--json").document
    assert [(run["run"], run["state"], run["throughput"]) for run in found["runs"]] == [
        (run["run"], "completed", run["throughput"]) for run in document["runs"]
    ]


def test_status_and_the_table_agree_with_the_report(campaign: Any, orchestrator: Command) -> None:
    folder, document = campaign
    states = orchestrator("status", "--json", cwd=folder).document["campaigns"][0]["runs"]
    assert [item["state"] for item in states] == ["completed", "completed"]
    shown = orchestrator("report", cwd=folder).out
    for run in document["runs"]:
        assert run["run"] in shown
        assert f"{run['throughput']['run']:.1f}" in shown


def test_a_campaign_of_the_same_name_is_refused(campaign: Any, orchestrator: Command, tiny: list[str]) -> None:
    folder, _ = campaign
    answer = orchestrator(*tiny, "campaign=c", cwd=folder)
    assert answer.code == 64
    assert "exists already" in answer.err


@pytest.mark.thorough
def test_four_ranks_share_two_cores_and_say_so(orchestrator: Command, tiny: list[str]) -> None:
    answer = orchestrator(*tiny, "nodes=2", "cluster.ranks_per_node=2", "benchmark.training.max_steps=4", "--json")
    assert answer.code == 0
    (run,) = answer.document["runs"]
    assert (run["nodes"], run["ranks"], run["stopped"]) == (2, 4, "steps")


def test_a_target_out_of_reach_is_a_wrong_answer_not_a_failure(orchestrator: Command, tiny: list[str]) -> None:
    answer = orchestrator(*tiny, "benchmark.quality.target=1.1", "benchmark.training.epochs=1", "--json")
    assert answer.code == 2
    assert answer.document["runs"][0]["time_to_accuracy_s"] is None


def test_a_run_killed_and_resumed_ends_as_if_nothing_had_happened(
    orchestrator: Command, tiny: list[str], tmp_path: Path
) -> None:
    words = [*tiny, "nodes=2", "comm=mpi", "benchmark.quality.target=1.1", "benchmark.training.epochs=6"]
    whole = orchestrator(*words, "campaign=whole", "--json").document["runs"][0]
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *words, "campaign=broken"],
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    checkpoint = tmp_path / "results" / "broken" / whole["run"] / "checkpoint" / "state.pt"
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(int(rank_pids(tmp_path / "results" / "broken")[-1]), signal.SIGKILL)
    assert process.wait(timeout=60) == 1
    resumed = orchestrator("resume", "broken", "--json")
    run = resumed.document["runs"][0]
    assert (run["state"], run["attempts"]) == ("completed", 2), (run["cause"], resumed.err)
    assert qualities(run) == qualities(whole)
    assert run["training"]["samples"] == whole["training"]["samples"]
    assert run["training"]["steps"] == whole["training"]["steps"]


def test_an_orchestrator_killed_at_work_is_resumed_without_running_anything_twice(
    orchestrator: Command, tiny: list[str], tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "orchestrator", *tiny, "repeats=2", "benchmark.quality.target=0", "campaign=c"],
        cwd=tmp_path, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list((tmp_path / "results").glob("c/*/attempt-1/heartbeat.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    answer = orchestrator("resume", "c", "--json")
    assert answer.code == 0
    assert [(run["state"], run["attempts"]) for run in answer.document["runs"]] == [("completed", 1)] * 2
    assert len(orchestrator("report", "c", "--json").document["runs"]) == 2


def qualities(run: dict[str, Any]) -> list[float]:
    """A run's quality after each epoch, by its telemetry: a report withholds them with their times where a rank stood
    still, as on a machine that was paused.
    """
    with h5py.File(Path(run["directory"]) / f"attempt-{run['attempts']}" / "telemetry.h5") as file:
        values: list[float] = file["evaluation/value"][()].tolist()
    assert values
    return values


def rank_pids(folder: Path) -> list[str]:
    """Process ids of the ranks of a campaign."""
    answer = subprocess.run(["pgrep", "-f", f"workloads.entry {folder}"], capture_output=True, text=True)
    return [
        pid
        for pid in answer.stdout.split()
        if b"mpirun" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    ]
