"""How records are read and written. A file is written whole or not at all: beside its place, then renamed."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from orchestrator.errors import OrchestratorError


class RecordError(OrchestratorError, ValueError):
    """A record could not be read; the message names the file and what is wrong with it."""


def canonical_json(document: Any) -> str:
    """JSON with sorted keys and no spaces: equal documents give equal texts."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def document_hash(document: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a file by rename. Raises OSError, leaving any earlier file as it was."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with staged.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError:
        staged.unlink(missing_ok=True)
        raise


def write_json(path: Path, document: Any) -> None:
    """Write a JSON file by rename."""
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; raises RecordError naming the file."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise RecordError(f"{path} does not exist") from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise RecordError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise RecordError(f"{path} holds {type(document).__name__}, not an object")
    return document


def read_json_if_whole(path: Path) -> dict[str, Any] | None:
    """The object in a JSON file, or None if it is absent or not (yet) readable."""
    try:
        return read_json(path)
    except RecordError:
        return None
