"""Sends runs to an MLflow tracking server by its REST API (2.0): an experiment for each campaign.

MLflow need not be installed here. A second export changes nothing: a run is identified by its key in the store, and
replaced if its end has changed or an export of it was broken off. MLflow's variables MLFLOW_TRACKING_TOKEN, or
MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, are used.
"""

from __future__ import annotations

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from orchestrator.config.redaction import hide
from orchestrator.errors import UsageError
from orchestrator.report.formats import Report
from orchestrator.store.entries import EvaluationRow, PhaseRow, RunRow, columns_of
from orchestrator.store.rows import run_identity

SECONDS = 30
BATCH = 900
"""Metrics in one request; the server takes 1000 entities."""
LONGEST = 500
"""Characters of a parameter that every version of the server accepts."""
STATUS = {"completed": "FINISHED", "cancelled": "KILLED"}
PARAMETERS = (
    "benchmark", "method", "cluster", "comm", "mode", "recipe", "scale", "nodes", "ranks", "repeat", "seed", "stopped",
    "dataset_name", "dataset_source", "dataset_split", "dataset_version", "dataset_checksum", "target", "config_hash",
    "directory", "throughput_unit",
)  # fmt: skip
METRICS = ("throughput", "throughput_cold", "throughput_warm", "time_to_accuracy_s")


class Server:
    """A tracking server, by its URL. Raises UsageError if that is no URL, cannot be reached or refuses."""

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        if urllib.parse.urlsplit(self.address).scheme not in ("http", "https"):
            raise UsageError(f"-o {address}: not an MLflow server; give its URL, such as http://host:5000")

    def call(self, method: str, path: str, content: Mapping[str, object]) -> dict[str, Any]:
        """Send one request and return the answer's document."""
        address = f"{self.address}/api/2.0/mlflow/{path}"
        body = None
        if method == "GET":
            address += "?" + urllib.parse.urlencode(content)
        else:
            body = json.dumps(content).encode()
        request = urllib.request.Request(address, body, {"Content-Type": "application/json", **credentials()})
        request.method = method
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                return dict(json.loads(answer.read() or b"{}"))
        except urllib.error.HTTPError as error:
            raise Refusal(self.address, path, error) from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise UsageError(f"the MLflow server {hide(self.address)} does not answer: {reason}") from error

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is created if it does not exist."""
        try:
            return str(self.call("POST", "experiments/create", {"name": name})["experiment_id"])
        except Refusal as refusal:
            if refusal.code != "RESOURCE_ALREADY_EXISTS":
                raise
        found = self.call("GET", "experiments/get-by-name", {"experiment_name": name})["experiment"]
        if found.get("lifecycle_stage") == "deleted":
            raise UsageError(
                f"the MLflow experiment '{name}' is in the trash of {hide(self.address)}; restore it first"
            )
        return str(found["experiment_id"])


class Refusal(UsageError):
    """The server answered with an error; ``code`` is MLflow's error code."""

    def __init__(self, address: str, path: str, error: urllib.error.HTTPError) -> None:
        try:
            content = json.loads(error.read())
        except ValueError:
            content = {}
        self.code = str(content.get("error_code", error.code))
        words = content.get("message", error.reason)
        super().__init__(f"the MLflow server {hide(address)} refused {path}: {self.code}: {words}")


def credentials() -> dict[str, str]:
    """Return the authorisation header from MLflow's environment variables."""
    token, user = os.environ.get("MLFLOW_TRACKING_TOKEN"), os.environ.get("MLFLOW_TRACKING_USERNAME")
    if token:
        return {"Authorization": f"Bearer {token}"}
    if user:
        pair = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def write(reports: Sequence[Report], place: str) -> str:
    """Send every run; return a message with the number of new ones."""
    server = Server(place)
    made = total = 0
    for report in reports:
        experiment = server.experiment(report.campaign)
        for record in report.records:
            made += send_run(server, experiment, record.run, record.evaluations, record.phases)
            total += 1
    return f"{hide(server.address)}: {total} runs, {made} of them new"


def send_run(
    server: Server,
    experiment: str,
    run: RunRow,
    evaluations: Sequence[EvaluationRow],
    phases: Sequence[PhaseRow],
) -> bool:
    """Create the run on the server unless an equal one is there; return whether it was created.

    Its status is the last that is sent. One without it is of an export that was broken off, and is replaced.
    """
    key, status = run_identity(run), STATUS.get(run["state"], "FAILED")
    query = {"experiment_ids": [experiment], "filter": f"tags.`orchestrator.key` = '{key}'", "max_results": 10}
    for found in server.call("POST", "runs/search", query).get("runs", []):
        tags = {tag["key"]: tag["value"] for tag in found["data"].get("tags", [])}
        same = tags.get("orchestrator.state"), tags.get("orchestrator.attempts"), found["info"].get("status")
        if same == (run["state"], str(run["attempts"]), status):
            return False
        server.call("POST", "runs/delete", {"run_id": found["info"]["run_id"]})
    begun, ended = milliseconds(run["created"]), milliseconds(run.get("ended") or run["created"])
    tags = {
        "orchestrator.key": key,
        "orchestrator.state": run["state"],
        "orchestrator.attempts": str(run["attempts"]),
        "mlflow.source.git.commit": run.get("git_commit") or "",
        "mlflow.note.content": run["cause"] or "",
    }
    made = server.call(
        "POST",
        "runs/create",
        {"experiment_id": experiment, "run_name": run["run"], "start_time": begun, "tags": key_value_pairs(tags)},
    )
    number = made["run"]["info"]["run_id"]
    present = [name for name in PARAMETERS if run.get(name) is not None]
    parameters = {name: str(value)[:LONGEST] for name, value in zip(present, columns_of(run, present), strict=True)}
    server.call("POST", "runs/log-batch", {"run_id": number, "params": key_value_pairs(parameters)})
    values = list(metric_entries(run, evaluations, phases, ended))
    for start in range(0, len(values), BATCH):
        server.call("POST", "runs/log-batch", {"run_id": number, "metrics": values[start : start + BATCH]})
    server.call("POST", "runs/update", {"run_id": number, "status": status, "end_time": ended})
    return True


def metric_entries(
    run: RunRow,
    evaluations: Sequence[EvaluationRow],
    phases: Sequence[PhaseRow],
    ended: int,
) -> Iterator[dict[str, object]]:
    """Yield throughputs (their unit is a parameter), time to accuracy and phases (s), and quality by epoch with its
    time (s).
    """
    for name in METRICS:
        if run.get(name) is not None:
            yield {"key": name, "value": run.get(name), "timestamp": ended, "step": 0}
    for phase in phases:
        yield {"key": f"phase_s/{phase['name']}", "value": phase["seconds"], "timestamp": ended, "step": 0}
    for row in evaluations:
        moment = milliseconds(run["created"] + row["seconds"])
        step = {"timestamp": moment, "step": row["epoch"]}
        if row["value"] is not None:
            yield {"key": run["metric"] or "quality", "value": row["value"], **step}
        yield {"key": "seconds", "value": row["seconds"], **step}


def key_value_pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Return a mapping in MLflow's form."""
    return [{"key": key, "value": value} for key, value in values.items()]


def milliseconds(seconds: float) -> int:
    """Return seconds since the epoch as MLflow's milliseconds."""
    return int(1000 * seconds)
