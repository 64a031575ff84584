"""Campaigns as JUnit XML, which CI systems show: a test suite for each campaign, a test case for each run."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from orchestrator.report.entries.runs import RunEntry, missed_target
from orchestrator.report.formats import Report
from orchestrator.report.tables.text import accuracy_time_text, quality_text, short
from orchestrator.report.xml_text import add_element, document_text, remove_forbidden


def render(reports: Sequence[Report]) -> str:
    """Return the XML text. A run that did not complete is an error; one that missed its target a failure."""
    root = add_element(None, "testsuites", name="orchestrator")
    for report in reports:
        runs = report.document["runs"]
        group = add_element(
            root, "testsuite", name=report.campaign, tests=str(len(runs)), skipped="0",
            failures=str(sum(missed(run) for run in runs)), errors=str(sum(not completed(run) for run in runs)),
        )  # fmt: skip
        for run in runs:
            add_run(group, run)
    return document_text(root)


def completed(run: RunEntry) -> bool:
    """Whether a run has its result."""
    return run["state"] == "completed"


def missed(run: RunEntry) -> bool:
    """Whether a run has its result, and fell short of a target that it had."""
    return completed(run) and missed_target(run)


def add_run(group: ElementTree.Element, run: RunEntry) -> None:
    """Add a run to its campaign."""
    seconds = sum(run["phases_s"].values())
    place = f"{run['benchmark']}.{run['cluster']}"
    case = add_element(group, "testcase", name=run["run"], classname=place, time=f"{seconds:.3f}")
    if not completed(run):
        cause = run["cause"] or run["state"]
        add_element(case, "error", message=cause, type=run["state"]).text = remove_forbidden(run["directory"])
    elif missed(run):
        add_element(case, "failure", message=f"not reached: {quality_text(run)}", type="quality")
    rate = f"throughput {short(run['throughput']['run'])} {run['throughput']['unit']}"
    lines = [rate, quality_text(run), accuracy_time_text(run), *run["warnings"]]
    add_element(case, "system-out").text = remove_forbidden("\n".join(lines))
