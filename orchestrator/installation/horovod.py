"""Builds Horovod for the installed torch and MPI, once, and keeps the wheel in a cache.

The last release (0.28.1) is older than current compilers, Pythons and torch. ``adapt_source`` changes the few lines
that conflict with them before the build, and nothing else.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from orchestrator.errors import OrchestratorError
from orchestrator.installation.mpi import Mpi
from orchestrator.records import one_at_a_time
from orchestrator.records.topology import read_topology

HOROVOD_VERSION = "0.28.1"
CXX_STANDARD = "20"


class BuildError(OrchestratorError):
    """Horovod could not be built. The message gives the reason; ``log`` is the file of the whole output."""

    def __init__(self, message: str, log: Path | None = None) -> None:
        super().__init__(message)
        self.log = log


def cache_folder() -> Path:
    """Return the folder of built wheels, below ``$XDG_CACHE_HOME`` or ``~/.cache`` (XDG specification); within this
    environment for who has no home.
    """
    root = os.environ.get("XDG_CACHE_HOME")
    if not root:
        try:
            root = str(Path.home() / ".cache")
        except RuntimeError:
            root = str(Path(sys.prefix, "cache"))
    return Path(root, "sciml-orchestrator", "wheels")


def build_key(mpi: Mpi, gpu_operations: str | None) -> str:
    """Return a key of all that a built wheel depends on: torch, MPI, Python, the machine, and the use of NCCL."""
    parts = [
        HOROVOD_VERSION,
        metadata.version("torch"),
        mpi.source,
        str(mpi.compiler) if mpi.source == "site" else "",
        mpi.version,
        platform.python_version(),
        platform.machine(),
        gpu_operations or "cpu",
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def cuda_home() -> Path | None:
    """Return the folder of the CUDA toolkit to use, None if there is no ``nvcc``.

    A toolkit named by the environment is preferred to one on the path. The ``nvcc`` on the path may be a script or a
    link, so it is asked for its own folder.
    """
    for name in ("HOROVOD_CUDA_HOME", "CUDA_HOME"):
        asked = os.environ.get(name)
        if asked and Path(asked, "bin/nvcc").exists():
            return Path(asked)
    compiler = shutil.which("nvcc")
    if compiler is not None:
        plan = subprocess.run(
            [compiler, "--dryrun", "none.cu"], capture_output=True, encoding="utf-8", errors="replace"
        )
        top = re.search(r"^#\$ TOP=(.+)$", plan.stdout + plan.stderr, re.MULTILINE)
        return Path(top.group(1).strip()).resolve() if top else Path(compiler).resolve().parents[1]
    usual = Path("/usr/local/cuda")
    return usual if (usual / "bin/nvcc").exists() else None


def nccl_home() -> Path | None:
    """Return the folder of NCCL's ``include`` and ``lib`` if torch is a CUDA build and there is a CUDA compiler,
    otherwise None.
    """
    asked = os.environ.get("HOROVOD_NCCL_HOME")
    if asked:
        return Path(asked)
    probe = subprocess.run(
        [sys.executable, "-c", "import torch; print(torch.version.cuda or '')"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if not probe.stdout.strip() or cuda_home() is None:
        return None
    for entry in sys.path:
        candidate = Path(entry, "nvidia", "nccl")
        if (candidate / "include" / "nccl.h").exists():
            return candidate
    return Path("/usr") if Path("/usr/include/nccl.h").exists() else None


def linkable_nccl(nccl: Path, folder: Path) -> Path:
    """Return a folder with NCCL under the name that linkers look for: ``nccl`` itself, or ``folder`` with links to it.

    NCCL's wheel has ``libnccl.so.2`` alone, which ``-lnccl`` does not find.
    """
    versioned = nccl / "lib" / "libnccl.so.2"
    if not versioned.exists() or (nccl / "lib" / "libnccl.so").exists():
        return nccl
    (folder / "lib").mkdir(parents=True, exist_ok=True)
    links = {"include": nccl / "include", "lib/libnccl.so": versioned, "lib/libnccl.so.2": versioned}
    for name, points_to in links.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(points_to.resolve())
    return folder


# What is changed in which file, as regular expressions and their replacements.
CHANGES: dict[str, tuple[tuple[str, str], ...]] = {
    "CMakeLists.txt": ((r"set\(CMAKE_CXX_STANDARD (14|17)\)", f"set(CMAKE_CXX_STANDARD {CXX_STANDARD})"),),
    "horovod/torch/CMakeLists.txt": (
        (r"set\(CMAKE_CXX_STANDARD (14|17)\)", f"set(CMAKE_CXX_STANDARD {CXX_STANDARD})"),
        # Python 3.12 has no distutils; setuptools stands in for it only where its own start-up file is read.
        (
            r"from distutils\.sysconfig import get_python_inc; print\(get_python_inc\(\)\)",
            "import sysconfig; print(sysconfig.get_path('include'))",
        ),
    ),
    # GCC's own headers bring this one along up to version 12 only.
    "horovod/common/group_table.h": ((r"#include <unordered_map>", "#include <string>\n#include <unordered_map>"),),
    "horovod/runner/js_run.py": (
        (r"from distutils\.spawn import find_executable", "from shutil import which as find_executable"),
    ),
    # How make alone is asked to print its commands; CMake knows how each of its build tools is.
    "setup.py": (
        (r"make_args\.append\('VERBOSE=1'\)", "pass"),
        (r"cmake_build_args = \['--config', config\]", "cmake_build_args = ['--config', config, '--verbose']"),
    ),
    # Every driver's library has the name with the number; the one without comes with development packages.
    "horovod/torch/cuda_util.cc": ((r'dlopen\("libcuda\.so"', 'dlopen("libcuda.so.1"'),),
}


def adapt_source(source: Path) -> None:
    """Change the source for the C++ standard that torch's headers need, and for current Pythons and drivers.

    Raises BuildError for a change that finds nothing to change: the source is another than the one it was made for.
    """
    for relative, changes in CHANGES.items():
        path = source / relative
        text = path.read_text(encoding="utf-8")
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text)
            if not count:
                raise BuildError(f"{relative} of Horovod's source is not as expected: it has no {pattern}")
        path.write_text(text, encoding="utf-8")


def build_environment(mpi: Mpi, nccl: Path | None, cuda: Path | None = None) -> dict[str, str]:
    """Return the environment of the build: PyTorch over MPI and Gloo, with NCCL and the CUDA toolkit where they are
    given.
    """
    environment = {
        **os.environ,
        "HOROVOD_WITH_PYTORCH": "1",
        "HOROVOD_WITHOUT_TENSORFLOW": "1",
        "HOROVOD_WITHOUT_MXNET": "1",
        "HOROVOD_WITH_MPI": "1",
        "HOROVOD_WITH_GLOO": "1",
        "CMAKE_POLICY_VERSION_MINIMUM": "3.5",
        "MAKEFLAGS": os.environ.get("MAKEFLAGS", f"-j{read_topology().usable_threads}"),
    }
    search = [str(Path(sys.prefix, "bin"))]
    if mpi.compiler is not None:
        search.insert(0, str(mpi.compiler.parent))
    if nccl is not None and cuda is not None:
        # CMake, torch's extension builder and Horovod's list of architectures each look for a toolkit their own way.
        environment["HOROVOD_CUDA_HOME"] = environment["CUDA_HOME"] = str(cuda)
        search.append(str(cuda / "bin"))
    environment["PATH"] = os.pathsep.join([*search, environment.get("PATH", "")])
    if shutil.which("make", path=environment["PATH"]) is None:
        environment.setdefault("CMAKE_GENERATOR", "Ninja")
    environment.setdefault("NINJA_STATUS", "[%p] ")
    if nccl is not None:
        environment["HOROVOD_GPU_OPERATIONS"] = "NCCL"
        environment["HOROVOD_NCCL_HOME"] = str(nccl)
        # NCCL's wheel ships the shared library alone.
        environment.setdefault("HOROVOD_NCCL_LINK", "SHARED")
    return environment


def prepared_source(target: Path) -> Path:
    """Return the folder of the adapted source below ``target``. An earlier build that was interrupted has left it, with
    all that it had compiled: the next goes on there.
    """
    source = target / "source"
    if not source.is_dir():
        with tempfile.TemporaryDirectory(prefix=".source-", dir=target) as scratch:
            fetched = fetch_source(Path(scratch))
            adapt_source(fetched)
            fetched.rename(source)
    return source


def fetch_source(folder: Path) -> Path:
    """Download and unpack the released source; return its folder. Raises BuildError."""
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation",
        "--no-binary", ":all:", "-d", str(folder), f"horovod=={HOROVOD_VERSION}",
    ]  # fmt: skip
    answer = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace")
    archive = folder / f"horovod-{HOROVOD_VERSION}.tar.gz"
    if not archive.exists():
        raise BuildError("the source could not be downloaded: " + (answer.stderr.strip().splitlines() or ["?"])[-1])
    unpack_source(archive, folder)
    return folder / f"horovod-{HOROVOD_VERSION}"


def unpack_source(archive: Path, folder: Path) -> None:
    """Unpack a source archive, whose members stay within the folder."""
    with tarfile.open(archive) as tar:
        # Pythons before 3.10.12 and 3.11.4, such as Debian 12's, have no filters.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)


def first_error(log: Path) -> str:
    """Return the first line of a build log that names an error, or else its last line."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines:
        if re.search(r"(^|\s)(fatal error|error|CMake Error)\b.*:|: error:", line, re.IGNORECASE):
            return line.strip()
    return lines[-1].strip() if lines else "no output"


def wheel_folder(mpi: Mpi, nccl: Path | None) -> Path:
    """Return the cache's folder for this installation's wheel, and for the GPU architectures that it is
    restricted to.
    """
    accelerators = "nccl " + os.environ.get("HOROVOD_BUILD_CUDA_CC_LIST", "")
    return cache_folder() / build_key(mpi, accelerators.strip() if nccl else None)


def cached_wheel(mpi: Mpi) -> Path | None:
    """Return the wheel of an earlier build for the same torch, MPI and Python, or None."""
    return next(iter(sorted(wheel_folder(mpi, nccl_home()).glob("horovod-*.whl"))), None)


def build_wheel(mpi: Mpi, progress: Callable[[str], None]) -> Path:
    """Build a Horovod wheel for this installation into the cache; return its path.

    ``progress`` receives a short text whenever the compiler advances. Raises BuildError, also while another set-up
    builds the same wheel.
    """

    def refuse(holder: str) -> None:
        raise BuildError(f"another set-up ({holder}) builds it right now: wait for its end")

    nccl = nccl_home()
    target = wheel_folder(mpi, nccl)
    if mpi.compiler is None:
        raise BuildError("there is an mpirun but no mpicc to build against")
    target.mkdir(parents=True, exist_ok=True)
    log = target / "build.log"
    building = one_at_a_time(target / ".building", refuse)
    with building, tempfile.TemporaryDirectory(prefix="horovod-wheel-") as scratch:
        progress("getting the source")
        source = prepared_source(target)
        # Kept beside the wheel: the library records where it was linked from, which should not be a folder of anyone's.
        linked = linkable_nccl(nccl, target / "nccl") if nccl else None
        # PEP 517, since pip's older way has setup.py download what Horovod needs at run time.
        command = [
            sys.executable, "-m", "pip", "wheel", "--verbose", "--use-pep517", "--no-build-isolation", "--no-deps",
            "-w", str(Path(scratch, "wheel")), str(source),
        ]  # fmt: skip
        progress("configuring")
        with log.open("w", encoding="utf-8") as log_file:
            build = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=build_environment(mpi, linked, cuda_home()),
            )
            assert build.stdout is not None
            for line in build.stdout:
                log_file.write(line)
                percent = re.match(r"\s*\[\s*(\d+)%\]", line)
                if percent:
                    progress(f"compiling, {percent.group(1)} %")
        if build.wait() != 0:
            raise BuildError(first_error(log), log)
        built = next(Path(scratch, "wheel").glob("horovod-*.whl"))
        # Copied under a temporary name first: another set-up may be looking into the same cache.
        staged = target / (built.name + ".partial")
        staged.write_bytes(built.read_bytes())
        shutil.rmtree(source)
        return staged.rename(target / built.name)
