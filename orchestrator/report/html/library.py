"""plotly.js, which pages bring along. A Python package contains it; a wheel of this project has taken it from there, so
that who installs the wheel does without that package's 60 MB. Standard library alone: building a wheel imports this.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
PROGRAM, LICENCE = "plotly.min.js", "plotly-LICENSE.txt"


SERVER = re.compile(rb"([\"'`])https?://(?!www\.w3\.org/)[^\"'`\s]*")
"""Addresses in the program's texts: of clouds that take figures, of maps and of fonts. Namespaces are none."""


@cache
def read_library() -> dict[str, bytes]:
    """Return plotly.js, without the addresses of servers in it, and its licence, by the names of their files. Without a
    package that has them there is nothing.
    """
    found = find_spec("plotly")
    if found is None or found.origin is None:
        return {}
    program = (Path(found.origin).parent / "package_data" / PROGRAM).read_bytes()
    licence = next(file for file in metadata.files("plotly") or () if file.name == "LICENSE.txt")
    return {PROGRAM: SERVER.sub(rb"\1about:blank", program), LICENCE: Path(str(licence.locate())).read_bytes()}


def copy_library(folder: Path) -> bool:
    """Write plotly.js and its licence into a folder; return whether there is a package that has them."""
    found = read_library()
    for name, content in found.items():
        (folder / name).write_bytes(content)
    return bool(found)
