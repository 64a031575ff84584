"""Set-up: which MPI is taken, what a built Horovod depends on, and what is said when it cannot be built."""

import os
import stat
import sys
import tarfile
from importlib import metadata
from pathlib import Path

import pytest

from orchestrator.installation import completing, horovod, mpi
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
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
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


def test_a_horovod_for_some_gpus_only_is_not_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = set()
    for architectures in ("", "90", "80,90"):
        monkeypatch.setenv("HOROVOD_BUILD_CUDA_CC_LIST", architectures)
        folders.add(horovod.wheel_folder(WHEEL, Path("/n")))
        folders.add(horovod.wheel_folder(WHEEL, None))
    assert len(folders) == 4


def test_only_what_is_older_than_its_surroundings_is_changed_in_the_source(tmp_path: Path) -> None:
    before = {
        "CMakeLists.txt": "a\nset(CMAKE_CXX_STANDARD 14)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n",
        "horovod/torch/CMakeLists.txt": "set(CMAKE_CXX_STANDARD 17)\n"
        'run(-c "from distutils.sysconfig import get_python_inc; print(get_python_inc())")\n',
        "horovod/common/group_table.h": "#include <mutex>\n#include <unordered_map>\n",
        "horovod/runner/js_run.py": "from distutils.spawn import find_executable\nfind_executable('jsrun')\n",
        "setup.py": "if verbose:\n    make_args.append('VERBOSE=1')\ncmake_build_args = ['--config', config]\n",
        "horovod/torch/cuda_util.cc": 'cudalib = dlopen("libcuda.so", RTLD_LAZY);\n',
    }
    for relative, text in before.items():
        path = tmp_path / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    horovod.adapt_source(tmp_path)
    assert {relative: (tmp_path / relative).read_text() for relative in before} == {
        "CMakeLists.txt": "a\nset(CMAKE_CXX_STANDARD 20)\nset(CMAKE_CXX_STANDARD_REQUIRED ON)\n",
        "horovod/torch/CMakeLists.txt": "set(CMAKE_CXX_STANDARD 20)\n"
        "run(-c \"import sysconfig; print(sysconfig.get_path('include'))\")\n",
        "horovod/common/group_table.h": "#include <mutex>\n#include <string>\n#include <unordered_map>\n",
        "horovod/runner/js_run.py": "from shutil import which as find_executable\nfind_executable('jsrun')\n",
        "setup.py": "if verbose:\n    pass\ncmake_build_args = ['--config', config, '--verbose']\n",
        "horovod/torch/cuda_util.cc": 'cudalib = dlopen("libcuda.so.1", RTLD_LAZY);\n',
    }


def test_a_change_that_finds_nothing_to_change_is_told(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text("set(CMAKE_CXX_STANDARD 23)\n")
    with pytest.raises(horovod.BuildError, match=r"CMakeLists\.txt of Horovod's source is not as expected"):
        horovod.adapt_source(tmp_path)


def test_an_interrupted_build_goes_on_with_what_it_had_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(folder: Path) -> Path:
        (folder / "horovod").mkdir()
        return folder / "horovod"

    monkeypatch.setattr(horovod, "fetch_source", fetch)
    monkeypatch.setattr(horovod, "adapt_source", lambda source: (source / "adapted").touch())
    source = horovod.prepared_source(tmp_path)
    (source / "half.o").touch()
    assert horovod.prepared_source(tmp_path) == source
    assert sorted(path.name for path in source.iterdir()) == ["adapted", "half.o"]
    assert [path.name for path in tmp_path.iterdir()] == ["source"], "nothing is left of getting it"


@pytest.mark.parametrize("filters", [True, False])
def test_the_source_is_unpacked_by_pythons_with_and_without_filters_of_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool
) -> None:
    (tmp_path / "setup.py").touch()
    with tarfile.open(tmp_path / "source.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "setup.py", "horovod/setup.py")
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    horovod.unpack_source(tmp_path / "source.tar.gz", tmp_path / "here")
    assert (tmp_path / "here" / "horovod" / "setup.py").is_file()


def test_packages_of_the_ranks_that_are_missing_or_too_old_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["numpy>=2", "torch>=2.4; extra == 'ranks'", "gemmi>=99; extra == 'ranks'", "nope>=1; extra == 'ranks'",
             "psycopg>=3; extra == 'postgresql'"]  # fmt: skip
    monkeypatch.setattr(metadata, "requires", lambda name: lines)
    assert completing.missing_packages() == ["gemmi>=99", "nope>=1"]


def test_the_first_error_of_a_build_is_the_one_shown(tmp_path: Path) -> None:
    log = tmp_path / "build.log"
    log.write_text("-- ok\nfoo.cc:3:1: error: no such type\nmake: *** [x] Error 1\nRuntimeError: cmake failed\n")
    assert horovod.first_error(log) == "foo.cc:3:1: error: no such type"


def test_nccl_is_asked_for_where_it_was_found() -> None:
    assert "HOROVOD_GPU_OPERATIONS" not in horovod.build_environment(WHEEL, None)
    environment = horovod.build_environment(WHEEL, Path("/n"))
    assert environment["HOROVOD_GPU_OPERATIONS"] == "NCCL"
    assert environment["HOROVOD_NCCL_HOME"] == "/n"


def test_a_wheels_nccl_is_handed_on_under_the_name_that_linkers_look_for(tmp_path: Path) -> None:
    wheel = tmp_path / "nvidia/nccl"
    for name in ("include/nccl.h", "lib/libnccl.so.2"):
        (wheel / name).parent.mkdir(parents=True, exist_ok=True)
        (wheel / name).touch()
    for _ in range(2):  # a second set-up finds the first one's links
        linked = horovod.linkable_nccl(wheel, tmp_path / "links")
        assert (linked / "lib/libnccl.so").resolve() == wheel / "lib/libnccl.so.2"
        assert (linked / "include/nccl.h").exists()


def test_an_nccl_that_can_be_linked_is_handed_on_as_it_is(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "lib").mkdir(parents=True)
    for name in ("libnccl.so", "libnccl.so.2"):
        (site / "lib" / name).touch()
    assert horovod.linkable_nccl(site, tmp_path / "links") == site


def test_the_cuda_toolkit_is_the_one_named_else_where_the_compiler_on_the_path_says_it_lives(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOROVOD_CUDA_HOME", "CUDA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{bare / 'site/bin'}{os.pathsep}/bin")
    program(bare / "site/bin/nvcc", f"#$ TOP={bare}/cuda/bin/..")
    program(bare / "cuda/bin/nvcc", "")
    assert horovod.cuda_home() == bare / "cuda"
    program(bare / "another/bin/nvcc", "")
    monkeypatch.setenv("CUDA_HOME", str(bare / "another"))
    assert horovod.cuda_home() == bare / "another"


def test_the_toolkit_is_named_to_every_part_of_the_build_that_looks_for_one() -> None:
    environment = horovod.build_environment(WHEEL, Path("/n"), Path("/opt/cuda"))
    assert environment["CUDA_HOME"] == environment["HOROVOD_CUDA_HOME"] == "/opt/cuda"
    assert "/opt/cuda/bin" in environment["PATH"].split(os.pathsep)
    assert environment["PATH"].split(os.pathsep)[0] == "/v/bin"
    assert environment["HOROVOD_NCCL_LINK"] == "SHARED"


def test_ninja_builds_where_there_is_no_make(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMAKE_GENERATOR", raising=False)
    assert horovod.build_environment(WHEEL, None)["CMAKE_GENERATOR"] == "Ninja"
    program(bare / "site/bin/make", "")
    assert "CMAKE_GENERATOR" not in horovod.build_environment(WHEEL, None)
