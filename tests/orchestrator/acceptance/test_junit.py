"""JUnit XML says of each check what the verdict says of it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import xmlschema
from acceptance_runs import FACTS, check, run

from orchestrator.acceptance.entries import VerdictDocument
from orchestrator.acceptance.findings import Finding
from orchestrator.acceptance.junit import render_junit
from orchestrator.acceptance.record import Session
from orchestrator.acceptance.verdict import all_findings, overall_outcome, verdict_exit_code


def junit_of(found: list[Finding]) -> ElementTree.Element:
    """The JUnit document of findings, which its schema takes."""
    facts = {"suite": "s", "cluster": "c", "name": "n", "started": 0.0, "ended": 9.0, "outcome": overall_outcome(found)}
    phases = [{"name": name, "ran": True, "outcome": "x"} for name in dict.fromkeys(one.phase for one in found)]
    document = {**facts, "phases": phases, "checks": [one.to_entry() for one in found]}
    text = render_junit(cast(VerdictDocument, document))
    xmlschema.XMLSchema(Path(__file__).with_name("junit.xsd")).validate(text)
    return ElementTree.fromstring(text)


@pytest.mark.parametrize(("required", "counts", "code"), [(True, ("1", "0"), 5), (False, ("0", "1"), 0)])
def test_what_is_required_and_was_not_measured_is_an_error(required: bool, counts: tuple[str, str], code: int) -> None:
    unreferenced = check("reference", quantity="throughput", required=required)
    found = all_findings([check("completed"), unreferenced], [run()], FACTS, Session(started=0.0, ran=["p"]))
    junit = junit_of(found)
    (suite,) = junit.findall("testsuite")
    assert (suite.get("errors"), suite.get("skipped"), junit.get("errors")) == (*counts, counts[0])
    assert (len(junit.findall(".//error")), len(junit.findall(".//skipped"))) == tuple(map(int, counts))
    assert verdict_exit_code(found) == code


def test_checks_of_a_phase_that_was_not_run_are_errors() -> None:
    later = replace(check("completed"), phase="later")
    session = Session(started=0.0, ran=["p"], stopped_after="p")
    junit = junit_of(all_findings([check("completed"), later], [run()], FACTS, session))
    (error,) = junit.findall(".//error")
    assert error.text == "the phase was not run: phase p failed" and not junit.findall(".//skipped")
