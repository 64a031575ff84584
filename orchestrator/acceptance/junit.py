"""The verdict as JUnit XML, which CI systems show: a test suite for each phase, a test case for each check."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence

from orchestrator.acceptance.entries import CheckEntry, VerdictDocument
from orchestrator.acceptance.findings import UNDECIDED, UNMEASURABLE
from orchestrator.acceptance.presentation import bounds_text, check_title, named_text, value_text
from orchestrator.report.xml_text import add_element, document_text, remove_forbidden


def render_junit(document: VerdictDocument) -> str:
    """Return the XML text. A failed check becomes a failure; an undecided one an error, as one that is required and
    not measurable; another that is not measurable is skipped.
    """
    checks = document["checks"]
    seconds = f"{document['ended'] - document['started']:.3f}"
    root = add_element(
        None, "testsuites", name=f"{document['suite']} on {document['cluster']}", **count_attributes(checks)
    )
    root.set("time", seconds)
    for number, phase in enumerate(document["phases"]):
        members = [check for check in checks if check["phase"] == phase["name"]]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(document["started"]))
        group = add_element(
            root, "testsuite", name=phase["name"], id=str(number), timestamp=stamp, hostname=document["cluster"],
            skipped=str(sum(check["outcome"] == UNMEASURABLE and not is_error(check) for check in members)), time="0",
            **count_attributes(members),
        )  # fmt: skip
        properties = add_element(group, "properties")
        for name in ("suite", "cluster", "name", "outcome"):
            add_element(properties, "property", name=name, value=str(document.get(name)))
        for check in members:
            add_case(group, document, check)
    return document_text(root)


def count_attributes(checks: Sequence[CheckEntry]) -> dict[str, str]:
    """Return the attributes that count test cases, failures and errors."""
    return {
        "tests": str(len(checks)),
        "failures": str(sum(check["outcome"] == "fail" for check in checks)),
        "errors": str(sum(is_error(check) for check in checks)),
    }


def is_error(check: CheckEntry) -> bool:
    """Whether a check leaves the verdict undecided."""
    return check["outcome"] == UNDECIDED or (check["outcome"] == UNMEASURABLE and check["required"])


def add_case(group: ElementTree.Element, document: VerdictDocument, check: CheckEntry) -> None:
    """Add one check to its phase as a test case."""
    place = f"{document['suite']}.{document['cluster']}.{check['phase']}"
    case = add_element(group, "testcase", name=check_title(check), classname=place, time="0")
    value = value_text(check)
    text = f"{value}, bound {bounds_text(check)}, n = {check['n']}"
    if is_error(check):
        about = text if check["outcome"] == UNDECIDED else "it is required"
        error = add_element(case, "error", message=f"{check['outcome']}: {about}", type=check["outcome"])
        error.text = remove_forbidden(check["why"])
    elif check["outcome"] == UNMEASURABLE:
        add_element(case, "skipped", message=check["why"])
    elif check["outcome"] == "fail":
        named = named_text(check)
        message = f"{text}{f': {named}' if named else ''}"
        add_element(case, "failure", message=message, type=check["concerns"]).text = remove_forbidden(check["why"])
    lines = [text, f"basis: {check['basis']}", check["why"], named_text(check)]
    add_element(case, "system-out").text = remove_forbidden("\n".join(line for line in lines if line))
