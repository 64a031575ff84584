"""What an installation brings: a dependency for each import and an import for each dependency; a wheel that clashes
with nobody's packages and works outside of any checkout.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from functools import cache
from importlib import metadata
from pathlib import Path

import pytest
from commands import PROJECT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DECLARED = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CORE = "core"
OF_ROOMS = {"orchestrator": (CORE, "parquet", "tensorboard"), "workloads": (CORE, "ranks", "mlperf")}
"""Where what each tree imports may be declared."""
WITHOUT_IMPORT = {"psycopg": "SQLAlchemy imports it where a store's URL says so"}
NOT_DECLARED = {
    "amdsmi": "comes with AMD's driver, in its version",
    "escnn": "imports lie-learn, whose wheels are for NumPy 1; `needs:` in its method's file says what installs both",
    "horovod": "built by `setup` for the torch and MPI that are there",
}


def names(lines: list[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in lines}


@cache
def declared() -> dict[str, set[str]]:
    """Names of distributions by extra."""
    return {CORE: names(DECLARED["dependencies"])} | {
        extra: names(lines) for extra, lines in DECLARED["optional-dependencies"].items()
    }


@cache
def imported(top: str) -> frozenset[str]:
    """Distributions that the files below a folder import, also within functions and for types alone."""
    modules = set()
    for path in (PROJECT / top).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                modules.add(node.module.partition(".")[0])
    theirs = modules - set(sys.stdlib_module_names) - {"orchestrator", "workloads", *NOT_DECLARED}
    found = metadata.packages_distributions()
    return frozenset(canonicalize_name(found.get(name, [name])[0]) for name in theirs)


@pytest.mark.parametrize("top", OF_ROOMS)
def test_every_import_has_its_dependency_where_that_side_is_installed(top: str) -> None:
    allowed = set().union(*(declared()[extra] for extra in OF_ROOMS[top]))
    assert imported(top) - allowed == set()


def test_every_dependency_has_its_import() -> None:
    tops_of = {CORE: ("orchestrator",), "ranks": ("workloads",), "mlperf": ("workloads",),
               "parquet": ("orchestrator",), "tensorboard": ("orchestrator",), "postgresql": ()}  # fmt: skip
    for extra, tops in tops_of.items():
        used = set().union(*(imported(top) for top in tops)) | {canonicalize_name(name) for name in WITHOUT_IMPORT}
        # A backport is for Pythons that lack it.
        assert declared()[extra] - used - {"typing-extensions"} == set(), extra


def test_what_only_reports_needs_neither_torch_nor_an_mpi() -> None:
    assert not declared()[CORE] & (declared()["ranks"] | {"torch", "mpi4py", "matplotlib", "pandas", "plotly"})


def test_every_package_that_is_declared_is_pinned() -> None:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(re.split(r"[=;@ ]", line)[0]) for line in lines if line and line[0] != "#"}
    wanted = set().union(*declared().values()) - {"sciml-orchestrator"}
    assert wanted - pinned == set()


@cache
def tracked_files() -> list[str]:
    """The files of the tree that are no build's."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    paths = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split("\n")
    return [path for path in paths if (PROJECT / path).is_file()]


@cache
def copied_by_images() -> set[str]:
    """Files and folders of the tree that both recipes copy: a working tree also holds environments and results."""
    container = PROJECT / "examples" / "container"
    lines = (container / "Dockerfile").read_text(encoding="utf-8").splitlines()
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]]
    definition = (container / "sciml.def").read_text(encoding="utf-8")
    files = definition.partition("%files\n")[2].partition("\n%")[0].split("\n")
    assert [line.split()[0] for line in files if line.strip()] == copied
    return set(copied)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy, since building leaves what it made in the tree: of what the recipes of images copy."""
    folder = tmp_path_factory.mktemp("wheel")
    for path in (path for path in tracked_files() if path.partition("/")[0] in copied_by_images()):
        (folder / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / path, folder / "tree" / path)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(folder), str(folder / "tree")], check=True)
    return next(folder.glob("*.whl"))


def test_at_the_top_of_site_packages_there_is_nothing_but_our_own_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        paths = archive.namelist()
    tops = {path.partition("/")[0] for path in paths}
    assert {re.sub(r"-[\d.]+\.dist-info$", "", top) for top in tops} == {"sciml_orchestrator", "sciml_orchestrator.pth"}
    inside = {path.split("/")[1] for path in paths if path.startswith("sciml_orchestrator/")}
    assert inside == {"orchestrator", "workloads", "cluster_profiles", "slurm", "constraints.txt"}
    ours = [path for path in tracked_files() if path.startswith(("orchestrator/", "workloads/", "cluster_profiles/"))]
    assert {f"sciml_orchestrator/{path}" for path in ours} - set(paths) == set(), "files that the wheel lacks"
    assets = {"plotly.min.js", "plotly-LICENSE.txt", "report.css", "report.js"}
    assert {f"sciml_orchestrator/orchestrator/report/html/assets/{name}" for name in assets} - set(paths) == set()


def test_the_wheel_works_outside_of_any_checkout(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True)
    # What it depends on is taken from this environment, which this machine need not install once more.
    site = next((environment / "lib").glob("python*/site-packages"))
    (site / "zz_dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    work = tmp_path / "work"
    work.mkdir()

    def run(*words: str) -> str:
        command = [str(environment / "bin" / "sciml-orchestrator"), *words]
        done = subprocess.run(command, cwd=work, env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
                              capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    planned = run("plan", "benchmark=stemdl", "nodes=2")
    assert f"PYTHONPATH={site}/sciml_orchestrator" in planned and "workloads.entry" in planned
    assert "stemdl" in run("list", "benchmarks") and "usage: sciml-orchestrator" in run("--help")
    assert list(work.iterdir()) == []
