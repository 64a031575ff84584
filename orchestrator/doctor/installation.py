"""Examines this installation, one finding per line. Nothing is changed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from orchestrator.config.redaction import hide
from orchestrator.doctor.findings import PROBE, Finding, accelerators_of, packages_of, promises_of
from orchestrator.doctor.search_path import describe_foreign, foreign_packages
from orchestrator.installation.mpi import find_mpi
from orchestrator.launch.dealing import held_cores
from orchestrator.launch.job import PROJECT
from orchestrator.records.choices import SCHEDULERS
from orchestrator.records.placement import threads_of
from orchestrator.records.settings import Configuration
from orchestrator.records.topology import format_cpus, read_topology


def examine(config: Configuration, results: Path, store_url: str) -> list[Finding]:
    """Return all findings for a configuration."""
    found = [
        examine_python(),
        *examine_search_path(),
        examine_cores(config),
        examine_mpi(),
        *examine_packages(config),
        examine_folder("results folder", results),
        examine_folder("data folder", Path.cwd() / config["cluster"]["paths"]["data"]),
        examine_store(store_url),
    ]
    return found + examine_scheduler(config, results)


def examine_scheduler(config: Configuration, results: Path) -> list[Finding]:
    """Return the findings of the scheduler's own module in this package, if it has one, by its function ``examine``."""
    module = f"orchestrator.doctor.{config['cluster']['scheduler']}"
    if find_spec(module) is None:
        return []
    found: list[Finding] = import_module(module).examine(config, results)
    return found


def examine_python() -> Finding:
    """Check the interpreter."""
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", "ok", f"{version} ({sys.executable})")


def examine_search_path() -> list[Finding]:
    """Packages that ranks and verbs would take from elsewhere."""
    foreign = foreign_packages()
    if not foreign:
        return []
    return [Finding("PYTHONPATH", "error", describe_foreign(foreign), "unset it, or unload the module that set it")]


def examine_cores(config: Configuration) -> Finding:
    """Compare the cores with the profile, and with what other runs hold."""
    topology = read_topology()
    cores, said = topology.usable_cores, config["cluster"]["cores_per_node"]
    here = SCHEDULERS[config["cluster"]["scheduler"]].here
    detail = f"{cores} usable" + (f" of {len(topology.cores)}" if cores < len(topology.cores) else "")
    detail = "; ".join([detail, *topology.limits])
    if here and said and said > cores:
        return Finding(
            "usable cores", "warning", f"{detail}; the profile says {said}", "correct cluster.cores_per_node"
        )
    held = held_cores(topology) if here else []
    if held:
        numbers = format_cpus(threads_of(held))
        remedy = "wait for their end: runs that share cores slow each other down"
        return Finding("usable cores", "warning", f"{detail}; runs under way hold {len(held)} ({numbers})", remedy)
    return Finding("usable cores", "ok", detail)


def examine_mpi() -> Finding:
    """Check the launcher and its library."""
    mpi = find_mpi()
    if mpi is None:
        return Finding("MPI", "error", "no mpirun", "load your site's MPI module or run `python -m orchestrator setup`")
    return Finding("MPI", "ok", f"{mpi.version} ({mpi.source}, {mpi.launcher})")


def examine_packages(config: Configuration) -> list[Finding]:
    """Import the packages of the communicators in a process, and compare what it sees of this machine with the profile,
    where that is of this machine.
    """
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")]))
    answer = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, encoding="utf-8", errors="replace",
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    try:
        found = json.loads(answer.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return [
            Finding(
                "packages", "error", answer.stderr.strip()[-200:] or "no answer", "run `python -m orchestrator setup`"
            )
        ]
    cluster = config["cluster"]
    here = SCHEDULERS[cluster["scheduler"]].here
    return [*packages_of(found, config["comm"]), *(promises_of(found, cluster) if here else accelerators_of(found))]


def examine_folder(subject: str, folder: Path) -> Finding:
    """Check whether a folder, or its nearest existing parent, can be written, and its free space."""
    import tempfile

    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing) as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        return Finding(subject, "error", f"{folder}: {error.strerror}", "choose another with results= or cluster.paths")
    free = shutil.disk_usage(existing).free / 2**30
    state = "ok" if free > 1 else "warning"
    return Finding(subject, state, f"{folder}, {free:.1f} GiB free", "" if state == "ok" else "free some")


def examine_store(url: str) -> Finding:
    """Check whether the store opens. One that does not exist yet is not made."""
    from orchestrator.store.engine import NoStoreError
    from orchestrator.store.store import Store, StoreError

    try:
        store = Store(url, create=False)
        return Finding("store", "ok", f"{store.engine.url!r}, {store.count()} runs")
    except NoStoreError:
        return Finding("store", "ok", f"{hide(url)}, will be made")
    except StoreError as error:
        return Finding("store", "error", str(error), "correct store.url, or ask for rights to the database")
