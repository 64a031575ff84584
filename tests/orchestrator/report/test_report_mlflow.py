"""Export to a real MLflow server on loopback. It is too large for a dependency: name one by $MLFLOW to run this."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from stored import failed_run, stored_run

from orchestrator.report.document import report_document
from orchestrator.report.formats import FORMATS, Report
from orchestrator.store.rows import RunRecord

MLFLOW = os.environ.get("MLFLOW") or shutil.which("mlflow")

pytestmark = pytest.mark.skipif(
    not MLFLOW, reason="needs MLflow: pip install mlflow into an environment of its own, then MLFLOW=…/bin/mlflow"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server of its own, with an empty SQLite store."""
    folder = tmp_path_factory.mktemp("mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(
        [str(MLFLOW), *words, "--backend-store-uri", f"sqlite:///{folder / 'mlflow.sqlite'}"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 180
        while not answers(address):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.5)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=30)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def export(server: str, records: list[RunRecord]) -> str:
    return FORMATS["mlflow"].function("write")([Report("weekly", report_document("weekly", records), records)], server)


def ask(server: str, path: str, content: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{server}/api/2.0/mlflow/{path}", json.dumps(content).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        told: dict[str, Any] = json.loads(answer.read())
    return told


def runs_of(server: str) -> dict[str, dict[str, Any]]:
    address = f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name=weekly"
    with urllib.request.urlopen(address, timeout=30) as answer:
        number = json.loads(answer.read())["experiment"]["experiment_id"]
    found = ask(server, "runs/search", {"experiment_ids": [number], "max_results": 100})["runs"]
    return {run["info"]["run_name"]: run for run in found}


def test_runs_arrive_once_with_their_numbers_and_a_better_known_end_replaces_a_lesser(
    server: str, tmp_path: Path
) -> None:
    whole, broken = stored_run(tmp_path), failed_run(tmp_path, name="broken")
    assert export(server, [whole, broken]).endswith("2 runs, 2 of them new")
    assert export(server, [whole, broken]).endswith("2 runs, 0 of them new")
    runs = runs_of(server)
    assert {name: run["info"]["status"] for name, run in runs.items()} == {
        whole.run["run"]: "FINISHED", "broken": "FAILED",
    }  # fmt: skip
    there = runs[whole.run["run"]]
    values = {item["key"]: item["value"] for item in there["data"]["metrics"]}
    assert values["throughput"] == 200.0
    assert values["macro_f1"] == pytest.approx(0.75)
    assert values["phase_s/train"] == 12.0
    parameters = {item["key"]: item["value"] for item in there["data"]["params"]}
    assert (parameters["nodes"], parameters["dataset_source"]) == ("1", "stand-in")
    again = stored_run(tmp_path, name="broken", attempts=2)
    assert export(server, [again]).endswith("1 runs, 1 of them new")
    assert runs_of(server)["broken"]["info"]["status"] == "FINISHED"
    assert len(runs_of(server)) == 2
