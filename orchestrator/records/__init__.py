"""The contract between the login-node side and the ranks: what is written where, and in what form.

Imports the standard library and NumPy alone, so that both sides may import it.
"""

from __future__ import annotations

from orchestrator.records.files import (
    RecordError,
    canonical_json,
    document_hash,
    read_json,
    read_json_if_whole,
    write_json,
    write_text,
)
from orchestrator.records.layout import AttemptDirectory, RunDirectory
from orchestrator.records.result import FAILURE_SCHEMA, FINAL_STATES, RESULT_SCHEMA, STATES, STOP_SCHEMA
from orchestrator.records.signs import ALIVE_SLOT_BYTES, AliveSlot, alive_period, now, read_alive
from orchestrator.records.spec import MANIFEST_SCHEMA, ONLY_METHOD, Manifest, RunSpec, global_batch
from orchestrator.records.telemetry import PHASES, STEP_TIMES

__all__ = [
    "ALIVE_SLOT_BYTES",
    "FAILURE_SCHEMA",
    "FINAL_STATES",
    "MANIFEST_SCHEMA",
    "ONLY_METHOD",
    "PHASES",
    "RESULT_SCHEMA",
    "STATES",
    "STEP_TIMES",
    "STOP_SCHEMA",
    "AliveSlot",
    "AttemptDirectory",
    "Manifest",
    "RecordError",
    "RunDirectory",
    "RunSpec",
    "alive_period",
    "canonical_json",
    "document_hash",
    "global_batch",
    "now",
    "read_alive",
    "read_json",
    "read_json_if_whole",
    "write_json",
    "write_text",
]
