"""From a record's folder to its verdict, and whether it still says the same. Reads that folder alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.acceptance.findings import FAIL, OUTCOMES, PASS, UNDECIDED, UNMEASURABLE, Check, Finding, unmeasurable
from orchestrator.acceptance.kinds import evaluate
from orchestrator.acceptance.measurements import Measurement, measurements
from orchestrator.acceptance.record import Record, Session
from orchestrator.errors import EXIT_FAILED, EXIT_INFRASTRUCTURE, EXIT_OK, EXIT_REFERENCE_MISSED, EXIT_WRONG_ANSWER

SCHEMA = "orchestrator.verdict/1"
SCHEMA_FILE = Path(__file__).with_name("verdict.schema.json")
WORST_FIRST = (EXIT_INFRASTRUCTURE, EXIT_FAILED, EXIT_WRONG_ANSWER, EXIT_REFERENCE_MISSED)


def findings(
    checks: Sequence[Check], runs: Sequence[Measurement], facts: dict[str, Any], session: Session, final: bool = True
) -> list[Finding]:
    """Findings of all checks; those of phases that were not run say why."""
    ran = [check for check in checks if check.phase in session.ran]
    found = evaluate(ran, runs, facts, final)
    if final:
        reason = "it was interrupted" if session.interrupted else f"phase {session.stopped_after} failed"
        skipped = [check for check in checks if check.phase not in session.ran]
        found += [
            replace(unmeasurable(check, None, f"the phase was not run: {reason}"), required=True) for check in skipped
        ]
    return found


def exit_code(found: Sequence[Finding]) -> int:
    """The worst of all findings; what nothing was measured of is not accepted either."""
    codes = {finding.code for finding in found}
    if not any(finding.outcome == PASS for finding in found):
        codes.add(EXIT_REFERENCE_MISSED)
    return next((code for code in WORST_FIRST if code in codes), EXIT_OK)


def overall(found: Sequence[Finding]) -> str:
    """Fail if a check failed; undecided if one is, or nothing passed; pass otherwise."""
    if any(finding.outcome == FAIL for finding in found):
        return FAIL
    return PASS if exit_code(found) == EXIT_OK else UNDECIDED


def faulty(found: Sequence[Finding], what: str) -> list[str]:
    """Names of the nodes or links that failed checks name."""
    failed = [finding for finding in found if finding.outcome == FAIL]
    return sorted({named.name for finding in failed for named in finding.named if named.what == what})


def faulty_links(found: Sequence[Finding]) -> list[str]:
    """Names of the links that failed checks name and whose nodes are sound: all links of a slow node are slow."""
    nodes = set(faulty(found, "node"))
    return [name for name in faulty(found, "link") if not nodes & set(name.split("–"))]


def facts_of(suite: dict[str, Any]) -> dict[str, Any]:
    """What checks know of the machine beside its runs."""
    return {"nodes": suite["nodes"], "cluster": suite["cluster"]}


def verdict(record: Record) -> dict[str, Any]:
    """The document of a record's folder. Raises RecordError."""
    suite, session, checks = record.suite(), record.session(), record.checks()
    runs = measurements(record.path, session.entries)
    found = findings(checks, runs, facts_of(suite), session)
    entries = [finding.to_dict() for finding in found]
    phases = []
    for phase in suite["phases"]:
        members = [finding for finding in found if finding.phase == phase["name"]]
        ran = phase["name"] in session.ran
        phases.append({"name": phase["name"], "ran": ran, "outcome": overall(members) if ran else UNMEASURABLE})
    return {
        "schema": SCHEMA,
        "suite": suite["name"],
        "cluster": suite["cluster"]["name"],
        "name": suite["record"],
        "started": session.started,
        "ended": session.ended,
        "outcome": overall(found),
        "exit_code": exit_code(found),
        "counts": {name: sum(finding.outcome == name for finding in found) for name in OUTCOMES},
        "phases": phases,
        "checks": entries,
        "faulty": {"nodes": faulty(found, "node"), "links": faulty_links(found)},
        "left_out": session.left_out,
        "nodes": sorted({host for run in runs for host in run.hosts}),
        "campaigns": session.campaigns,
        "runs": len(runs),
    }


def differences(stored: Any, computed: Any, where: str = "") -> list[str]:
    """Where two documents differ, a line each: name, stored, recomputed."""
    if isinstance(stored, dict) and isinstance(computed, dict):
        keys = sorted({*stored, *computed})
        return [
            line
            for key in keys
            for line in differences(stored.get(key), computed.get(key), f"{where}.{key}" if where else str(key))
        ]
    if isinstance(stored, list) and isinstance(computed, list) and len(stored) == len(computed):
        named = [item.get("id", number) if isinstance(item, dict) else number for number, item in enumerate(stored)]
        pairs = zip(named, stored, computed, strict=True)
        return [line for name, one, other in pairs for line in differences(one, other, f"{where}[{name}]")]
    numbers = isinstance(stored, float) and isinstance(computed, float)
    if stored == computed or (numbers and math.isclose(stored, computed, rel_tol=1e-9)):
        return []
    # Another machine's mathematics may round the last digit otherwise.
    return [f"{where}: stored {stored}, recomputed {computed}"]
