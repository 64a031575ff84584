"""How a run can end, and what is written about it."""

from __future__ import annotations

RESULT_SCHEMA = "orchestrator.result/1"
FAILURE_SCHEMA = "orchestrator.failure/1"
STOP_SCHEMA = "orchestrator.stop/1"

STATES = (
    "planned",
    "submitted",
    "pending",
    "running",
    "completed",
    "failed",
    "timeout",
    "preempted-requeued",
    "node-failed",
    "cancelled",
    "lost",
)
FINAL_STATES = frozenset({"completed", "failed", "timeout", "node-failed", "cancelled", "lost"})
