"""mode=inference with real ranks: what it measures, and that a trained model scores as it did in training."""

import json

import jsonschema
import numpy as np
import pytest
from commands import Command

from orchestrator.report.document import SCHEMA_FILE
from workloads.runtime.procedures.inference import latency_summary

QUICK = [
    "benchmark.inference.latency_samples=20",
    "benchmark.inference.batch_sizes=[1,4]",
    "benchmark.inference.seconds_per_batch_size=0.1",
    "benchmark.inference.passes=2",
]


def test_percentiles_are_latencies_that_were_measured() -> None:
    summary = latency_summary(np.arange(1, 101).reshape(2, 50) / 1000)
    assert (summary["n"], summary["p50"], summary["p90"], summary["p99"]) == pytest.approx((100, 50, 90, 99))


@pytest.mark.ranks
@pytest.mark.thorough
def test_a_trained_model_scores_on_two_ranks_as_it_did_in_training(orchestrator: Command, tiny: list[str]) -> None:
    trained = orchestrator(*tiny, "campaign=trained", "--json")
    assert trained.code == 0, trained.err
    words = [*tiny, *QUICK, "mode=inference", "nodes=2", "benchmark.inference.checkpoint=trained"]
    answer = orchestrator(*words, "--json")
    assert answer.code == 0, answer.err
    jsonschema.validate(answer.document, json.loads(SCHEMA_FILE.read_text()))
    (run,) = answer.document["runs"]
    assert run["quality"]["all"] == trained.document["runs"][0]["quality"]["all"]
    assert run["inference"]["weights"]["source"] == "checkpoint"
    assert run["inference"]["latency_ms"]["memory"]["n"] == 2 * 20
    for row in run["inference"]["throughput"]:
        assert row["samples_per_s"] == pytest.approx(sum(row["per_rank"]))


@pytest.mark.thorough
def test_a_checkpoint_that_is_not_there_is_refused_before_any_job(orchestrator: Command, tiny: list[str]) -> None:
    answer = orchestrator("plan", *tiny, "mode=inference", "benchmark.inference.checkpoint=nothing")
    assert answer.code == 64
    assert "benchmark.inference.checkpoint=nothing" in answer.err
