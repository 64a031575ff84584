"""Computes the verdict from a record's folder alone, and compares it with the stored one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from orchestrator.acceptance.entries import PhaseEntry, VerdictDocument
from orchestrator.acceptance.findings import (
    FAIL,
    OUTCOMES,
    PASS,
    UNDECIDED,
    UNMEASURABLE,
    Check,
    Finding,
    unmeasurable_finding,
)
from orchestrator.acceptance.kinds import KINDS, evaluate_checks
from orchestrator.acceptance.measurements import Measurement, read_measurements
from orchestrator.acceptance.quantities import QUANTITIES
from orchestrator.acceptance.record import Record, Session
from orchestrator.acceptance.suite_entries import MachineFacts
from orchestrator.errors import EXIT_FAILED, EXIT_INFRASTRUCTURE, EXIT_OK, EXIT_REFERENCE_MISSED, EXIT_WRONG_ANSWER
from orchestrator.records import RecordError

SCHEMA: Final = "orchestrator.verdict/1"
SCHEMA_FILE = Path(__file__).with_name("verdict.schema.json")
WORST_FIRST = (EXIT_INFRASTRUCTURE, EXIT_FAILED, EXIT_WRONG_ANSWER, EXIT_REFERENCE_MISSED)


def all_findings(
    checks: Sequence[Check], runs: Sequence[Measurement], facts: MachineFacts, session: Session, final: bool = True
) -> list[Finding]:
    """Return the findings of all checks. Checks of phases that were not run state the reason."""
    ran = [check for check in checks if check.phase in session.ran]
    found = evaluate_checks(ran, runs, facts, final)
    if final:
        reason = "it was interrupted" if session.interrupted else f"phase {session.stopped_after} failed"
        skipped = [check for check in checks if check.phase not in session.ran]
        found += [
            replace(unmeasurable_finding(check, None, f"the phase was not run: {reason}"), required=True)
            for check in skipped
        ]
    return found


def verdict_exit_code(found: Sequence[Finding]) -> int:
    """Return the gravest exit code among the findings. Without any passed check it is at least
    EXIT_REFERENCE_MISSED.
    """
    codes = {finding.code for finding in found}
    if not any(finding.outcome == PASS for finding in found):
        codes.add(EXIT_REFERENCE_MISSED)
    return next((code for code in WORST_FIRST if code in codes), EXIT_OK)


def overall_outcome(found: Sequence[Finding]) -> str:
    """Return "fail" if a check failed, "undecided" if one is undecided or none passed, otherwise "pass"."""
    if any(finding.outcome == FAIL for finding in found):
        return FAIL
    return PASS if verdict_exit_code(found) == EXIT_OK else UNDECIDED


def faulty_names(found: Sequence[Finding], what: str) -> list[str]:
    """Return the names of the nodes or links that failed checks name, sorted."""
    failed = [finding for finding in found if finding.outcome == FAIL]
    return sorted({named.name for finding in failed for named in finding.named if named.what == what})


def faulty_links(found: Sequence[Finding]) -> list[str]:
    """Return the faulty links between sound nodes. All links of a slow node are slow, so they are not at fault."""
    nodes = set(faulty_names(found, "node"))
    return [name for name in faulty_names(found, "link") if not nodes & set(name.split("–"))]


def facts_of(suite: MachineFacts) -> MachineFacts:
    """Return the facts about the machine that checks use beside its runs."""
    return {"nodes": suite["nodes"], "cluster": suite["cluster"]}


def refuse_unknown(checks: Sequence[Check]) -> None:
    """Raise RecordError for a check of a kind, or of a quantity, that there is not."""
    for check in checks:
        if check.check not in KINDS:
            raise RecordError(f"suite.json: there is no check {check.check!a}")
        if check.quantity is not None and check.quantity not in QUANTITIES:
            raise RecordError(f"suite.json: there is no quantity {check.quantity!a}")


def verdict_document(record: Record) -> VerdictDocument:
    """Return the verdict of a record's folder as a document. Raises RecordError."""
    suite, session, checks = record.suite(), record.session(), record.checks()
    refuse_unknown(checks)
    runs = read_measurements(record.path, session.entries)
    found = all_findings(checks, runs, facts_of(suite), session)
    entries = [finding.to_entry() for finding in found]
    phases: list[PhaseEntry] = []
    for phase in suite["phases"]:
        members = [finding for finding in found if finding.phase == phase["name"]]
        ran = phase["name"] in session.ran
        phases.append({"name": phase["name"], "ran": ran, "outcome": overall_outcome(members) if ran else UNMEASURABLE})
    return {
        "schema": SCHEMA,
        "suite": suite["name"],
        "cluster": suite["cluster"]["name"],
        "name": suite["record"],
        "started": session.started,
        "ended": session.ended,
        "outcome": overall_outcome(found),
        "exit_code": verdict_exit_code(found),
        "counts": {name: sum(finding.outcome == name for finding in found) for name in OUTCOMES},
        "phases": phases,
        "checks": entries,
        "faulty": {"nodes": faulty_names(found, "node"), "links": faulty_links(found)},
        "left_out": session.left_out,
        "nodes": sorted({host for run in runs for host in run.hosts}),
        "campaigns": session.campaigns,
        "runs": len(runs),
        "days": len({int(run.created // 86400) for run in runs}),
    }


def document_differences(stored: Any, computed: Any, where: str = "") -> list[str]:
    """Return one line for each place where two documents differ: name, stored and recomputed value."""
    if isinstance(stored, dict) and isinstance(computed, dict):
        keys = sorted({*stored, *computed})
        return [
            line
            for key in keys
            for line in document_differences(
                stored.get(key), computed.get(key), f"{where}.{key}" if where else str(key)
            )
        ]
    if isinstance(stored, list) and isinstance(computed, list) and len(stored) == len(computed):
        named = [item.get("id", number) if isinstance(item, dict) else number for number, item in enumerate(stored)]
        pairs = zip(named, stored, computed, strict=True)
        return [line for name, one, other in pairs for line in document_differences(one, other, f"{where}[{name}]")]
    numbers = isinstance(stored, float) and isinstance(computed, float)
    if stored == computed or (numbers and math.isclose(stored, computed, rel_tol=1e-9)):
        return []
    # Another machine's mathematics may round the last digit otherwise.
    return [f"{where}: stored {stored}, recomputed {computed}"]
