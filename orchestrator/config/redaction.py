"""Removes passwords and other secrets from all output: messages, records and the store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"

SECRET_NAME = re.compile(
    r"passw(or)?d|passwd|passphrase|secret|token|credential|api[_-]?key|access[_-]?key|private[_-]?key|^pgpass",
    re.IGNORECASE,
)
IN_ADDRESS = re.compile(r"(?P<head>[A-Za-z][\w+.-]*://[^/\s:@]*:)(?P<password>\S*)(?=@)")
IN_QUERY = re.compile(rf"(?P<head>[?&;\s](?:\w*(?:{SECRET_NAME.pattern})\w*)=)(?P<password>[^&;\s'\"]+)", re.IGNORECASE)


def passwords(url: str) -> list[str]:
    """Return the passwords in a URL, as written and decoded."""
    found = [match["password"] for pattern in (IN_ADDRESS, IN_QUERY) for match in pattern.finditer(url)]
    return sorted({text for password in found for text in (password, unquote(password)) if text}, key=len, reverse=True)


def hide(text: str, url: str = "") -> str:
    """Return the text without the passwords of any URL in it, and without those of ``url`` anywhere."""
    text = IN_ADDRESS.sub(rf"\g<head>{HIDDEN}", text)
    text = IN_QUERY.sub(rf"\g<head>{HIDDEN}", text)
    for password in passwords(url):
        # A password as short as this would hide half of the message, and the rest tells it.
        if len(password) >= 4:
            text = text.replace(password, HIDDEN)
    return text


def redact(document: Any, name: str = "") -> Any:
    """Return a JSON document without the values of keys that look like secrets, and without passwords in URLs."""
    if isinstance(document, Mapping):
        return {key: redact(value, str(key)) for key, value in document.items()}
    if isinstance(document, list):
        return [redact(value, name) for value in document]
    if isinstance(document, str):
        return HIDDEN if document and SECRET_NAME.search(name) else hide(document)
    return document
