"""XML for CI systems: elements without the characters that XML forbids."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

FORBIDDEN = dict.fromkeys([
    *(code for code in range(32) if chr(code) not in "\t\n\r"), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF,
])  # fmt: skip
"""Control characters, surrogates and what is no character, which XML 1.0 forbids."""


def add_element(parent: ElementTree.Element | None, tag: str, **attributes: str) -> ElementTree.Element:
    """Return a new element, appended to ``parent`` unless that is None."""
    values = {name: remove_forbidden(value) for name, value in attributes.items()}
    return ElementTree.Element(tag, values) if parent is None else ElementTree.SubElement(parent, tag, values)


def remove_forbidden(text: str) -> str:
    """Return the text without the characters that XML forbids."""
    return text.translate(FORBIDDEN)


def document_text(root: ElementTree.Element) -> str:
    """Return a document's text, a line an element."""
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'
