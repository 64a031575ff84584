"""A verdict as JUnit XML, the form that CI systems show: a test suite a phase, a test case a check."""

from __future__ import annotations

import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from typing import Any

from orchestrator.acceptance.presentation import bounds_text, named_text, title, value_text

FORBIDDEN = {code: None for code in range(32) if chr(code) not in "\t\n\r"}
"""Characters that XML 1.0 has no place for."""


def junit(document: Mapping[str, Any]) -> str:
    """The XML text. A check that fails is a failure, one that is undecided an error, one not measurable is skipped."""
    checks = document["checks"]
    seconds = f"{document['ended'] - document['started']:.3f}"
    root = element(None, "testsuites", name=f"{document['suite']} on {document['cluster']}", **counts(checks))
    root.set("time", seconds)
    for number, phase in enumerate(document["phases"]):
        members = [check for check in checks if check["phase"] == phase["name"]]
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(document["started"]))
        group = element(
            root, "testsuite", name=phase["name"], id=str(number), timestamp=stamp, hostname=document["cluster"],
            skipped=str(sum(check["outcome"] == "not measurable" for check in members)), time="0", **counts(members),
        )  # fmt: skip
        properties = element(group, "properties")
        for name in ("suite", "cluster", "name", "outcome"):
            element(properties, "property", name=name, value=str(document[name]))
        for check in members:
            add_case(group, document, check)
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def counts(checks: Any) -> dict[str, str]:
    """The attributes that count test cases."""
    return {
        "tests": str(len(checks)),
        "failures": str(sum(check["outcome"] == "fail" for check in checks)),
        "errors": str(sum(check["outcome"] == "undecided" for check in checks)),
    }


def add_case(group: ElementTree.Element, document: Mapping[str, Any], check: Mapping[str, Any]) -> None:
    """One check."""
    place = f"{document['suite']}.{document['cluster']}.{check['phase']}"
    case = element(group, "testcase", name=title(check), classname=place, time="0")
    value = value_text(check)
    text = f"{value}, bound {bounds_text(check)}, n = {check['n']}"
    if check["outcome"] == "not measurable":
        element(case, "skipped", message=check["why"])
    elif check["outcome"] == "undecided":
        element(case, "error", message=f"undecided: {text}", type="undecided").text = clean(check["why"])
    elif check["outcome"] == "fail":
        named = named_text(check)
        message = f"{text}{f': {named}' if named else ''}"
        element(case, "failure", message=message, type=check["concerns"]).text = clean(check["why"])
    lines = [text, f"basis: {check['basis']}", check["why"], named_text(check)]
    element(case, "system-out").text = clean("\n".join(line for line in lines if line))


def element(parent: ElementTree.Element | None, tag: str, **attributes: str) -> ElementTree.Element:
    """An element, in its parent if it has one."""
    values = {name: clean(value) for name, value in attributes.items()}
    return ElementTree.Element(tag, values) if parent is None else ElementTree.SubElement(parent, tag, values)


def clean(text: str) -> str:
    """Text without what XML cannot hold."""
    return text.translate(FORBIDDEN)
