"""The rooms of the program and the arrows between them, held by the imports, those inside functions included.

A line of the two tables is a room, from the ground up: whatever is in it may import what stands in lines before its own
and in its own room, and nothing else of ours.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]

ORCHESTRATOR = (
    "orchestrator.errors",
    "orchestrator.records",
    "orchestrator.config",
    "orchestrator.plan",
    "orchestrator.installation",
    "orchestrator.launch",
    "orchestrator.telemetry",
    "orchestrator.store",
    "orchestrator.campaign",
    "orchestrator.doctor",
    "orchestrator.analysis",
    "orchestrator.report",
    "orchestrator.acceptance",
    "orchestrator.notification",
    "orchestrator.schedule",
    "orchestrator.cli",
    "orchestrator.__main__",
)
"""The login-node side. So collecting (campaign) knows neither analysis nor reports, and launching knows no campaign."""

WORKLOADS = (
    "orchestrator.records",
    "workloads.runtime.errors",
    "workloads.runtime.devices",
    "workloads.runtime.memory",
    "workloads.runtime.images",
    "workloads.runtime.binding",
    "workloads.runtime.samples.sampleset",
    "workloads.runtime.task",
    "workloads.runtime.communicators",
    "workloads.runtime.kernels",
    "workloads.runtime.measurement",
    "workloads.runtime.samples",
    "workloads.runtime.publication",
    "workloads.runtime.dataset",
    "workloads.runtime.procedures",
    "workloads.micrographs",
    "workloads.*",
    "workloads.data",
    "workloads.entry",
)
"""The compute-node side. "*" is any benchmark: it knows no other one, and the runtime knows none."""

WITHOUT = {
    "orchestrator": {"torch", "mpi4py", "horovod", "workloads"},
    "workloads": {"hydra", "omegaconf", "submitit", "sqlalchemy"},
    "orchestrator.records": {"hydra", "submitit", "sqlalchemy", "h5py", "rich"},
    "orchestrator.plan": {"hydra", "submitit", "numpy", "os", "subprocess"},
    "orchestrator.analysis": {"os", "pathlib", "shutil", "subprocess", "sqlalchemy", "h5py"},
    "orchestrator.report": {"h5py", "numpy", "scipy", "sqlalchemy", "statistics"},
    "orchestrator.launch": {"hydra", "omegaconf", "sqlalchemy", "h5py"},
}
"""What no file of a room imports: a library, or a part of the standard one."""

SLURM = ("orchestrator.launch.slurm", "orchestrator.doctor.slurm", "orchestrator.schedule.backends")
"""Where Slurm's commands are known. Others ask whichever scheduler there is."""


def module_of(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def files() -> dict[str, Path]:
    """All modules of the program by name."""
    return {module_of(path): path for top in ("orchestrator", "workloads") for path in (PROJECT / top).rglob("*.py")}


def imports_of(module: str) -> Iterator[str]:
    """What the file imports at run time; ``from A import B`` is A.B where that is a file of ours, else A."""
    tree = ast.parse(files()[module].read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in files() else node.module for name in whole)


@cache
def imports() -> dict[str, frozenset[str]]:
    """What each file imports, itself left out."""
    return {module: frozenset(imports_of(module)) - {module} for module in files()}


def is_within(module: str, room: str) -> bool:
    """Whether a module is the room or in it."""
    return module == room or module.startswith(f"{room}.")


def place_of(module: str, table: tuple[str, ...]) -> int | None:
    """The line of the table that a module is in, the one that says most of it; None where it is in none."""
    found = sorted((len(room), place) for place, room in enumerate(table) if is_within(module, room))
    if not found and "workloads.*" in table and module.count("."):
        return table.index("workloads.*") if module.split(".")[1] != "runtime" else None
    return found[-1][1] if found else None


def room_of(module: str, table: tuple[str, ...]) -> str:
    """The room that a module is in; a benchmark is a room of its own."""
    place = place_of(module, table)
    assert place is not None, f"{module} is in no room: add a line for it where it belongs"
    return ".".join(module.split(".")[:2]) if table[place] == "workloads.*" else table[place]


def back_arrows(table: tuple[str, ...], top: str) -> list[str]:
    """Imports of a room that does not stand before one's own."""
    found = []
    for module in files():
        if not is_within(module, top) or module in (top, "workloads.runtime"):
            continue
        mine = place_of(module, table)
        for other in sorted(imports()[module] & set(files()) - {"orchestrator", "workloads"}):
            theirs = place_of(other, table)
            same = theirs is not None and room_of(module, table) == room_of(other, table)
            if not same and (mine is None or theirs is None or theirs >= mine):
                found.append(f"{module} imports {other}")
    return found


def test_no_file_imports_itself_through_others() -> None:
    graph = {module: found & set(files()) for module, found in imports().items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(("table", "top"), [(ORCHESTRATOR, "orchestrator"), (WORKLOADS, "workloads")])
def test_every_arrow_points_down(table: tuple[str, ...], top: str) -> None:
    assert not back_arrows(table, top)


@pytest.mark.parametrize("room", WITHOUT)
def test_a_room_does_without_what_is_not_its_business(room: str) -> None:
    found = [
        f"{module} imports {name}"
        for module in files()
        if is_within(module, room)
        for name in sorted(imports()[module])
        if name.partition(".")[0] in WITHOUT[room]
    ]
    assert not found


def test_only_what_speaks_to_slurm_imports_what_does() -> None:
    found = [
        f"{module} imports {name}"
        for module in files()
        if not module.startswith(SLURM)
        for name in sorted(imports()[module])
        if is_within(name, "orchestrator.launch.slurm")
    ]
    assert not found


def test_nothing_but_its_own_folder_names_a_benchmark() -> None:
    benchmarks = {path.parent.name for path in PROJECT.glob("workloads/*/benchmark.yaml")}
    found = [
        f"{module} imports {name}"
        for module in files()
        for name in sorted(imports()[module])
        if (parts := name.split("."))[0] == "workloads" and parts[1:2] and parts[1] in benchmarks
        if not is_within(module, f"workloads.{parts[1]}")
    ]
    assert benchmarks and not found
