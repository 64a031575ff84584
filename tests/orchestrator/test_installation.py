"""Set-up: which MPI is taken, what a built Horovod depends on, and what is said when it cannot be built."""

import os
import stat
from pathlib import Path

import pytest

from orchestrator.installation import horovod, mpi
from orchestrator.installation.mpi import Mpi

WHEEL = Mpi("wheel", Path("/v/bin/mpicc"), Path("/v/bin/mpirun"), "mpirun (Open MPI) 5.0.11")


def program(path: Path, prints: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without an MPI of its own, and a path with nothing but a site's folder."""
    monkeypatch.setattr(mpi.sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "environment/bin"), str(tmp_path / "site/bin")]))
    monkeypatch.delenv("MPICC", raising=False)
    return tmp_path


def test_without_any_mpi_none_is_found(bare: Path) -> None:
    assert mpi.find_mpi() is None
    assert not mpi.site_has_compiler()


def test_a_sites_mpi_is_taken_when_it_is_on_the_path(bare: Path) -> None:
    program(bare / "site/bin/mpicc", "")
    program(bare / "site/bin/mpirun", "mpirun (Open MPI) 4.1.4")
    found = mpi.find_mpi()
    assert found is not None
    assert (found.source, found.major_version, found.is_open_mpi) == ("site", 4, True)
    assert found.compiler == bare / "site/bin/mpicc"


def test_an_environment_made_with_its_own_mpi_keeps_it(bare: Path) -> None:
    program(bare / "site/bin/mpirun", "mpirun (Open MPI) 4.1.4")
    program(bare / "environment/bin/mpirun", "mpirun (Open MPI) 5.0.11")
    found = mpi.find_mpi()
    assert found is not None
    assert (found.source, found.major_version) == ("wheel", 5)


def test_a_launcher_that_is_not_open_mpis_is_told_apart(bare: Path) -> None:
    program(bare / "site/bin/mpiexec", "HYDRA build details: Version: 4.2.0")
    found = mpi.find_mpi()
    assert found is not None
    assert not found.is_open_mpi


def test_a_horovod_is_built_again_for_another_mpi_or_with_nccl() -> None:
    site = Mpi("site", Path("/opt/bin/mpicc"), Path("/opt/bin/mpirun"), WHEEL.version)
    keys = {horovod.build_key(WHEEL, None), horovod.build_key(site, None), horovod.build_key(WHEEL, "nccl")}
    assert len(keys) == 3


def test_the_language_standard_is_raised_and_nothing_else_changed(tmp_path: Path) -> None:
    for relative in ("CMakeLists.txt", "horovod/torch/CMakeLists.txt"):
        path = tmp_path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a\nset(CMAKE_CXX_STANDARD 14)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n")
    horovod.raise_language_standard(tmp_path)
    expected = "a\nset(CMAKE_CXX_STANDARD 20)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n"
    assert (tmp_path / "horovod/torch/CMakeLists.txt").read_text() == expected


def test_the_first_error_of_a_build_is_the_one_shown(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("-- ok\nfoo.cc:3:1: error: no such type\nmake: *** [x] Error 1\nRuntimeError: cmake failed\n")
    assert horovod.first_error(log) == "foo.cc:3:1: error: no such type"


def test_nccl_is_asked_for_where_it_was_found() -> None:
    assert "HOROVOD_GPU_OPERATIONS" not in horovod.build_environment(WHEEL, None)
    environment = horovod.build_environment(WHEEL, Path("/n"))
    assert environment["HOROVOD_GPU_OPERATIONS"] == "NCCL"
    assert environment["HOROVOD_NCCL_HOME"] == "/n"
