"""Checks, runs and probes of an acceptance that are made up, and the finding of one check on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from orchestrator.acceptance.findings import Check
from orchestrator.acceptance.kinds import evaluate_checks
from orchestrator.acceptance.measurements import Entry, Measurement
from orchestrator.acceptance.suite_entries import MachineFacts
from workloads.probe.pairing import rounds_of_pairs

FACTS: MachineFacts = {
    "nodes": {"states": None, "out_of_service": [], "left_out": [], "count": 4},
    "cluster": {"accelerator": {"peak_fp32_tflops": 2.0}},
}


def check(kind: str, **more: Any) -> Check:
    bound = more.pop("bound", None)
    bounds = {} if bound is None else {"*": {"basis": "made up", "source": None, **bound}}
    values = {
        "phase": "p", "check": kind, "workload": "w", "quantity": None, "size": None, "nodes": [4], "bounds": bounds,
        "problems": {}, "first": 5, "limit": 15, "allowed": 0, "hours": 0.0, "required": False,
    }  # fmt: skip
    return Check(**{**values, **more})


def run(number: int = 0, nodes: int = 4, **more: Any) -> Measurement:
    values: dict[str, Any] = {
        "entry": Entry("w", "p", "c", f"r{number}", "completed", None), "nodes": nodes, "ranks_per_node": 1,
        "threads_per_rank": 2,
        "state": "completed", "cause": None, "mode": "training", "created": 0.0, "ended": 60.0, "throughput": 100.0,
        "throughput_warm": None,
        "throughput_unit": "samples/s", "time_to_accuracy": 10.0,
        "quality": {"metric": "f1", "value": 0.9, "target": 0.8, "reached": True, "basis": "b"},
        "stopped": "target", "hosts": [f"n{node + 1}" for node in range(nodes)], "own_s": [1.0] * nodes,
        "source": "stand-in", "settings": {}, "probe": None, "inventory": {},
    }  # fmt: skip
    return Measurement(**{**values, **more})


def probe(rates: Any = None, pair_seconds: Any = None, nodes: int = 4, rounds: int = 8) -> Measurement:
    """A probe whose nodes compute at ``rates`` and whose pairs take ``pair_seconds(a, b)``, with 1 % noise."""
    random = np.random.default_rng(3)
    noise = 1 + 0.01 * random.standard_normal((nodes, rounds))
    matmul = np.ones((nodes, rounds)) * np.asarray(rates if rates is not None else [1e12] * nodes)[:, None] * noise
    schedule = rounds_of_pairs(nodes)
    partner = np.full((nodes, len(schedule)), -1.0)
    seconds = np.full((nodes, len(schedule), 1, rounds), np.nan)
    for place, pairs in enumerate(schedule):
        for first, last in pairs:
            took = (pair_seconds or (lambda a, b: 1e-3))(first, last) * (1 + 0.01 * random.standard_normal(rounds))
            for node, other in ((first, last), (last, first)):
                partner[node, place], seconds[node, place, 0] = other, took
    arrays = {
        "matmul_flop_per_s": matmul, "pair_partner": partner, "pair_seconds": seconds, "correct": np.ones((nodes, 1)),
        "allreduce_seconds": np.full((nodes, 1, rounds), 1e-3),
    }  # fmt: skip
    settings = {"probe": {"pair_sizes": [1024], "sizes": [1024], "precision": "float32"}}
    return run(nodes=nodes, mode="probe", probe=arrays, settings=settings)


def only(checked: Check, *runs: Measurement, final: bool = True) -> Any:
    (found,) = evaluate_checks([checked], runs, FACTS, final)
    return found


ALIKE = {"value": 1.0, "lower": -0.05, "upper": None, "unit": "× the other nodes"}
LINK = {**ALIKE, "lower": -0.1}
