"""``python -m orchestrator list [KIND]``: what there is to run, on what, and which data are here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from orchestrator.cli import common
from orchestrator.cli.parsers import parse
from orchestrator.config.catalogue import KINDS, Catalogue, Choice, DataSet, catalogue
from orchestrator.config.families import benchmarks
from orchestrator.config.paths import expand_path, usual_folder
from orchestrator.errors import EXIT_OK, UsageError, nearest
from orchestrator.report.tables.rows import rows_text

DATA = "cluster.paths.data"


def main(arguments: Sequence[str]) -> int:
    """Print what there is."""
    options = parse("list", arguments)
    settings = dict(word.split("=", 1) for word in options.words if "=" in word)
    kinds = [word for word in options.words if "=" not in word] or list(KINDS)
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"There is no kind '{kind}' to list.{nearest(kind, KINDS)}")
    if unknown := set(settings) - {"benchmark", DATA}:
        raise UsageError(f"list takes benchmark=NAME and {DATA}=FOLDER; not {min(unknown)}=.")
    site = Path(options.config_dir) if options.config_dir else None
    if site is not None and not site.is_dir():
        raise UsageError(f"--config-dir {options.config_dir}: there is no such folder; name one that there is.")
    data = Path(expand_path(DATA, settings.get(DATA, usual_folder("data")))).resolve()
    found = catalogue(site, data, settings.get("benchmark"))
    if not found["benchmarks"]:
        name = settings["benchmark"]
        raise UsageError(f"There is no benchmark '{name}'.{nearest(name, benchmarks())}")
    if options.json:
        chosen = {kind: entries for kind, entries in found.items() if kind in kinds}
        common.print_json({"schema": "orchestrator.list/1", "data": str(data), **chosen})
    else:
        print_catalogue(found, kinds, data)
    return EXIT_OK


def print_catalogue(found: Catalogue, kinds: Sequence[str], data: Path) -> None:
    """Print a part for each kind that has anything."""
    parts = {
        "benchmarks": ("benchmark=", [(item["name"], item["summary"]) for item in found["benchmarks"]]),
        "datasets": (f"dataset=   (looked for in {shortest(data)})", dataset_rows(found["datasets"])),
        "methods": ("method=", choice_rows(found["methods"])),
        "recipes": ("recipe=", choice_rows(found["recipes"])),
        "clusters": ("cluster=", [(item["name"], item["description"]) for item in found["clusters"]]),
        "suites": ("suite=   (of accept)", [(item["name"], item["summary"]) for item in found["suites"]]),
    }
    width = common.stdout_console().width
    first = True
    for kind in kinds:
        title, rows = parts[kind]
        if rows:
            print(f"{'' if first else chr(10)}{title}\n{rows_text(rows, width, indent='  ')}")
            first = False


def shortest(folder: Path) -> str:
    """Return a folder's name as seen from here, if it is below."""
    return str(folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder)


def dataset_rows(datasets: Iterable[DataSet]) -> list[tuple[str, str]]:
    """Return a row for each data set: what of it is here."""
    rows = []
    for item in datasets:
        several = sum(other["benchmark"] == item["benchmark"] for other in datasets) > 1
        name = f"{item['benchmark']} {item['name']}" if several else item["benchmark"]
        sources = list(dict.fromkeys(folder["source"] for folder in item["here"]))
        size = sum(folder["bytes"] for folder in item["here"])
        here = f"{', '.join(sources)} ({size / 1e6:,.1f} MB)" if sources else "not here"
        rows.append((name, here + (", the default" if several and item["default"] else "")))
    return rows


def choice_rows(choices: Iterable[Choice]) -> list[tuple[str, str]]:
    """Return a row for each benchmark with its choices, the default first; without those that have no choice."""
    found: dict[str, list[str]] = {}
    for item in sorted(choices, key=lambda item: not item["default"]):
        found.setdefault(item["benchmark"], []).append(item["name"])
    return [(benchmark, ", ".join(names)) for benchmark, names in sorted(found.items()) if len(names) > 1]
