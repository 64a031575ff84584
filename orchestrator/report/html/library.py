"""plotly.js, which pages bring along. A Python package contains it; a wheel of this project has taken it from there, so
that who installs the wheel does without that package's 60 MB. Standard library alone: building a wheel imports this.
"""

from __future__ import annotations

import shutil
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
PROGRAM, LICENCE = "plotly.min.js", "plotly-LICENSE.txt"


def copy_library(folder: Path) -> bool:
    """Copy plotly.js and its licence from the Python package into a folder; return whether there is such a package."""
    found = find_spec("plotly")
    if found is None or found.origin is None:
        return False
    shutil.copyfile(Path(found.origin).parent / "package_data" / PROGRAM, folder / PROGRAM)
    licence = next(file for file in metadata.files("plotly") or () if file.name == "LICENSE.txt")
    shutil.copyfile(str(licence.locate()), folder / LICENCE)
    return True
