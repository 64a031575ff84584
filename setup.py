"""How a wheel is laid out; all else stands in pyproject.toml.

The source tree's packages have short names, of which another distribution may have one too. In a wheel they lie in a
folder of this project's own name, which a .pth file adds to the end of what Python searches: at the top of
site-packages there is nothing that could overwrite, or be overwritten by, somebody else's.

plotly.js is taken into the wheel from the package that has it.
"""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from orchestrator.report.html.library import ASSETS, copy_library  # noqa: E402 - it stands in the tree that is built

FOLDER = "sciml_orchestrator"
BESIDE = ("constraints.txt",)
"""Files that stand beside the packages, in the tree and in the wheel."""


class BuildInFolder(build_py):
    """Builds the packages into FOLDER, except for an editable installation, which takes them where they are."""

    def run(self) -> None:
        """Build, and write the .pth file."""
        if self.editable_mode:
            super().run()
            return
        top = Path(self.build_lib)
        self.build_lib = str(top / FOLDER)
        super().run()
        for name in BESIDE:
            self.copy_file(name, str(top / FOLDER / name))
        if not copy_library(top / FOLDER / ASSETS.relative_to(HERE)):
            raise SystemExit("plotly is needed to build a wheel: its JavaScript file is taken into it")
        (top / f"{FOLDER}.pth").write_text(f"{FOLDER}\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildInFolder})
