"""What the system tells of this node's processors."""

from __future__ import annotations

from pathlib import Path

PROCESSORS = Path("/proc/cpuinfo")


def instructions() -> tuple[str, ...]:
    """The instructions that the first processor has, as Linux names them (its flags or features); none if it does not
    tell.
    """
    try:
        lines = PROCESSORS.read_text().splitlines()
    except OSError:
        return ()
    return next((tuple(line.split()) for line in lines if line.lower().startswith(("flags", "features"))), ())
