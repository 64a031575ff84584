"""What torch has saved, read back only if it is whole: every part of the file carries a checksum."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch


class DamagedFileError(ValueError):
    """A file is not what torch saved; the message says what is wrong with it, and not which file."""


def read_saved(path: Path, device: torch.device) -> dict[str, Any]:
    """The dictionary in a file of torch.save's. Raises OSError, and DamagedFileError.

    torch itself restores a file with a wrong bit in a weight without a word. The file is a zip archive, whose checksums
    (CRC-32) are compared first.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        raise DamagedFileError(f"it is no file that torch saved, or is cut off: {error}") from error
    if damaged is not None:
        raise DamagedFileError(f"it was altered: {damaged} does not match its checksum")
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except (OSError, MemoryError, torch.OutOfMemoryError):
        # Not the file's fault.
        raise
    except Exception as error:
        # By half a dozen types of exception, pickle's among them. Its advice to trust the file is none of ours.
        raise DamagedFileError(f"{type(error).__name__}: {str(error).splitlines()[0][:200]}") from error
    if not isinstance(content, dict):
        raise DamagedFileError(f"it holds {type(content).__name__}, not a state")
    return content
