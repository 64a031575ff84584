"""What every rank measures: the phases of a run and the parts of a step's time."""

from __future__ import annotations

PHASES = (
    "import",
    "rendezvous",
    "staging",
    "build",
    "first_step",
    "train",
    "load",
    "latency",
    "throughput",
    "end_to_end",
    "nodes",
    "pairs",
    "allreduce",
    "evaluate",
    "checkpoint",
)
"""Phases of a run in the order they begin: training alternates with evaluation and checkpoints, which are summed;
from "load" on to "end_to_end" are those of inference, from "nodes" to "allreduce" those of a probe.
"""

STEP_TIMES = ("total", "data", "compute", "communicate")
"""Seconds of each training step, per rank; ``communicate`` is what the exchange of gradients took of a rank's time."""
