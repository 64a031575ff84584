"""A facility's hardware is judged on a real Slurm: what is sound passes, what is slow is found and named."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import PROJECT, Command

pytestmark = [pytest.mark.slurm, pytest.mark.ranks, pytest.mark.measures, pytest.mark.usefixtures("cluster")]

TESTCLUSTER = PROJECT / "slurm" / "testcluster"

# Bounds that the load of the machine beneath does not reach, and the faults do: a fifth of the speed, 1 % of a link's.
SUITE = {
    "workloads": {
        "health": {
            "benchmark": "probe",
            "mode": "probe",
            "overrides": [
                "benchmark.probe.rounds=6",
                "benchmark.probe.pair_repeats=16",
                "benchmark.probe.sizes=[8,65536]",
                "benchmark.probe.pair_sizes=[8,65536]",
                "benchmark.probe.matrix=512",
                "benchmark.probe.triad_mib=4",
                "benchmark.probe.burst_s=0.1",
                "benchmark.probe.message_s=0.02",
                "benchmark.dataset.mebibytes=1",
            ],
        }
    },
    "phases": [
        {
            "name": "hardware",
            "checks": [
                {"check": "available"},
                {"check": "completed", "workload": "health"},
                {"check": "correct", "workload": "health"},
                {
                    "check": "nodes_alike",
                    "workload": "health",
                    "quantity": "matmul",
                    "bound": {"lower": -0.6, "unit": "× the other nodes", "basis": "a fault of the test is five times"},
                },
                {
                    "check": "links",
                    "workload": "health",
                    "size": 65536,
                    "bound": {
                        "lower": -0.8,
                        "unit": "× the other nodes",
                        "basis": "a fault of the test is a hundred times",
                    },
                },
            ],
        }
    ],
}


@pytest.fixture
def healed() -> Iterator[None]:
    yield
    subprocess.run([TESTCLUSTER, "heal", "all"], check=True, capture_output=True, timeout=120)


def judged(orchestrator: Command, folder: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and verdict."""
    (folder / "site" / "acceptance").mkdir(parents=True)
    (folder / "site" / "acceptance" / "hardware.yaml").write_text(yaml.safe_dump(SUITE))
    answer = orchestrator("accept", "suite=hardware", "cluster=testcluster", "--config-dir", "site", "--json")
    assert answer.out, answer.err
    return answer.code, answer.document


def outcomes(verdict: dict[str, Any]) -> dict[str, str]:
    return {check["check"]: check["outcome"] for check in verdict["checks"]}


def test_a_sound_cluster_is_accepted(orchestrator: Command, tmp_path: Path) -> None:
    code, verdict = judged(orchestrator, tmp_path)
    assert (code, set(outcomes(verdict).values())) == (0, {"pass"}), verdict["checks"]


@pytest.mark.usefixtures("healed")
def test_a_node_that_computes_slowly_and_one_that_sends_slowly_fail_their_checks_and_are_named(
    orchestrator: Command, tmp_path: Path
) -> None:
    for node, fault in (("n2", "slow"), ("n3", "slow-link")):
        subprocess.run([TESTCLUSTER, "fail", node, fault], check=True, capture_output=True, timeout=120)
    code, verdict = judged(orchestrator, tmp_path)
    found = outcomes(verdict)
    assert (code, found["nodes_alike"], found["links"]) == (5, "fail", "fail"), verdict["checks"]
    named = {check["check"]: {one["name"] for one in check["named"]} for check in verdict["checks"]}
    assert named["nodes_alike"] == {"n2"} and named["links"] >= {"n3"}, named
    assert verdict["faulty"]["nodes"] == ["n2", "n3"], verdict["faulty"]
