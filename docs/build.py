"""``make docs``: builds the site, from the pages that stand in the tree and a reference that is made of the code.

    python docs/build.py [FOLDER]        the site, default build/site; it opens from disk and asks no other host

The pages keep their places, so that a link in one leads where it leads in the tree. Raises SystemExit for a broken one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]

from reference import REFERENCE  # noqa: E402 - both stand beside this program

LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)#\s:]+)(?P<anchor>#[^)]*)?\)")
SOURCE_SUFFIXES = {".py", ".cpp"}


def tree_files() -> list[Path]:
    """Return the files of the tree that are no build's, relative to it."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in answer.stdout.splitlines() if (ROOT / line).is_file()]


def collect_pages(place: Path) -> None:
    """Copy every page, and every file that one of them links to."""
    for page in (path for path in tree_files() if path.suffix == ".md"):
        (place / page).parent.mkdir(parents=True, exist_ok=True)
        (place / page).write_text(with_files(page, place), encoding="utf-8")


def with_files(page: Path, place: Path) -> str:
    """Return a page's text. What it links to is copied; a link to a folder becomes its name alone."""

    def settle(found: re.Match[str]) -> str:
        target = (ROOT / page.parent / found["target"]).resolve()
        if target.is_dir() or not target.is_relative_to(ROOT):
            return found["text"]
        if target.is_file() and target.suffix != ".md":
            copy = place / target.relative_to(ROOT)
            # Browsers show a text, and would download a program.
            copy = copy.with_name(f"{copy.name}.txt") if target.suffix in SOURCE_SUFFIXES else copy
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(target, copy)
            suffix = ".txt" if target.suffix in SOURCE_SUFFIXES else ""
            return f"[{found['text']}]({found['target']}{suffix})"
        return found[0]

    return LINK.sub(settle, (ROOT / page).read_text(encoding="utf-8"))


def write_configuration(place: Path, pages: Path, site: Path) -> Path:
    """Write MkDocs' configuration with the pages of all benchmarks; return its path."""
    settings = yaml.safe_load((ROOT / "docs" / "mkdocs.yml").read_text(encoding="utf-8"))
    benchmarks = sorted(path.parent.name for path in ROOT.glob("workloads/*/README.md"))
    for part in settings["nav"]:
        for entries in (value for value in part.values() if isinstance(value, list)):
            if "BENCHMARKS" in entries:
                entries.remove("BENCHMARKS")
                entries += [{name: f"workloads/{name}/README.md"} for name in benchmarks]
    path = place / "mkdocs.yml"
    path.write_text(yaml.safe_dump({**settings, "docs_dir": str(pages), "site_dir": str(site)}), encoding="utf-8")
    return path


def build(site: Path) -> int:
    """Build the site; return MkDocs' exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        pages = Path(scratch, "pages")
        collect_pages(pages)
        for name in ("site.css", "search_from_disk.js"):
            shutil.copyfile(ROOT / "docs" / name, pages / "docs" / name)
        for name, render in REFERENCE.items():
            (pages / "reference").mkdir(exist_ok=True)
            (pages / "reference" / f"{name}.md").write_text(render(), encoding="utf-8")
        configuration = write_configuration(Path(scratch), pages, site)
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", str(configuration)]
        code = subprocess.run(command).returncode
    if not code:
        index = (site / "search" / "search_index.json").read_text(encoding="utf-8")
        (site / "search" / "search_index.js").write_text(f"var searchIndex = {index};\n", encoding="utf-8")
    return code


if __name__ == "__main__":
    place = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build" / "site").resolve()
    if code := build(place):
        raise SystemExit(code)
    print(place / "index.html")
