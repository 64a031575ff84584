"""Configurations and commands are written to files; what would be a secret there is recognised here.

A name or a value that holds a secret is refused when a configuration is composed (see safety.py). Redaction is for what
cannot be refused: messages of other programs, addresses with a password in them, what was written before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

HIDDEN = "***"

SECRET_NAME = re.compile(
    r"passw(or)?d|passwd|passphrase|secret|token(?!s|i[sz])|credential|api[_-]?key|access[_-]?key|private[_-]?key|^pgpass"
    r"|^sshpass|bearer|cookie|authori[sz]ation|(^|[_-])(auth|pat|pwd)$",
    re.IGNORECASE,
)
NAMES_A_PLACE = re.compile(r"[_-](file|env|path|dir|folder)$", re.IGNORECASE)
"""Ends of names that say where a secret is kept."""
ORDINARY = ("PWD", "OLDPWD")

# Each begins where a word does, so that a text of any length is read once.
IN_ADDRESS = re.compile(r"(?P<head>(?<![\w+.-])[A-Za-z][\w+.-]*://[^/\s:@]{0,255}:)(?P<password>\S{0,1000})(?=@)")
ASSIGNED = re.compile(r"(?<![\w-])(?P<head>(?P<dashes>-{0,2})(?P<name>\w[\w-]*)=)(?P<password>[^&;\s'\"]+)")
SPOKEN = re.compile(
    r"\b(?:Bearer|Basic) +[\w.~+/=-]{6,}"
    r"|\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|hf_[A-Za-z0-9]{20,}|xox[abeprs]-[\w-]{10,})"
    r"|\b(?:sk-[\w-]{20,}|AKIA[0-9A-Z]{16}|AIza[\w-]{35})|(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}[\w.-]*"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|\bhooks\.slack\.com/services/\S+"
)
"""Texts that are a secret by their form: HTTP's authorisation, tokens of well-known services, private keys."""


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret, by its name."""
    return bool(SECRET_NAME.search(name)) and not NAMES_A_PLACE.search(name) and name not in ORDINARY


def holds_secret(text: str) -> bool:
    """Whether a text holds a secret, by its form: then it would be changed by ``hide``."""
    return hide(text) != text


def passwords(url: str) -> list[str]:
    """Return the passwords in a URL, as written and decoded."""
    found = [match["password"] for match in IN_ADDRESS.finditer(url)]
    found += [match["password"] for match in ASSIGNED.finditer(url) if is_secret_name(match["name"])]
    return sorted({text for password in found for text in (password, unquote(password)) if text}, key=len, reverse=True)


def hide(text: str, url: str = "") -> str:
    """Return the text without the secrets in it, and without the passwords of ``url`` anywhere."""
    text = IN_ADDRESS.sub(hidden, text)
    text = ASSIGNED.sub(lambda match: hidden(match) if is_secret_name(match["name"]) else match[0], text)
    text = SPOKEN.sub(HIDDEN, text)
    for password in passwords(url):
        # A password as short as this would hide half of the message, and the rest tells it.
        if len(password) >= 4:
            text = text.replace(password, HIDDEN)
    return text


def hidden(match: re.Match[str]) -> str:
    """Return a match without its password; a variable that a shell will insert is none."""
    return match[0] if not match["password"] or match["password"].startswith("$") else f"{match['head']}{HIDDEN}"


def redact(document: Any, name: str = "") -> Any:
    """Return a JSON document without the values of keys that look like secrets, and without secrets in its texts."""
    if isinstance(document, Mapping):
        return {key: redact(value, str(key)) for key, value in document.items()}
    if isinstance(document, list):
        return [redact(value, name) for value in document]
    if isinstance(document, str):
        return HIDDEN if document and is_secret_name(name) else hide(document)
    return document
