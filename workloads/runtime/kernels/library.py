"""The compiled kernels, built once for each kind of processor and kept."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from orchestrator.records.processors import instructions

SOURCE = Path(__file__).with_name("batch_norm.cpp")
COMPILERS = ("g++", "c++")
"""clang is left out: torch's threads are those of GCC's OpenMP, and a second set of threads would compete with them."""
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")

NATIVE = {"x86_64": "-march=native", "aarch64": "-mcpu=native", "arm64": "-mcpu=native", "ppc64le": "-mcpu=native"}
"""The option for all of this processor's instructions. Other machines have none."""


class KernelsUnavailableError(RuntimeError):
    """The kernels cannot be built or loaded on this machine."""


@functools.cache
def load_kernels() -> ctypes.CDLL:
    """Return the kernels as a C library, compiled at the first call on a kind of processor (two seconds).

    The library is kept in ``$XDG_CACHE_HOME`` or ``~/.cache``, separately for each kind of processor, since nodes may
    share that folder. If nothing can be kept there, it is compiled anew. Raises KernelsUnavailableError.
    """
    if not torch.backends.openmp.is_available():  # type: ignore[no-untyped-call]
        raise KernelsUnavailableError("this torch was built without OpenMP, whose threads the kernels use")
    named = os.environ.get("CXX")
    # A module system may set a command with options, or a wrapper before it.
    words = [shlex.split(named)] if named else [[name] for name in COMPILERS]
    compiler = next((word for word in words if word and shutil.which(word[0])), None)
    if compiler is None:
        looked_for = f"CXX={named}" if named else ", ".join(COMPILERS)
        raise KernelsUnavailableError(f"no C++ compiler ({looked_for}: not found)")
    native = NATIVE.get(platform.machine())
    command = (*compiler, *FLAGS, *([native] if native else []))
    key = hashlib.sha256(
        "\0".join((SOURCE.read_text(encoding="utf-8"), *command, *instructions())).encode()
    ).hexdigest()[:16]
    try:
        cached = cache_folder() / f"batch_norm-{key}.so"
        if not cached.exists():
            cached.parent.mkdir(parents=True, exist_ok=True)
            # Several ranks may build at the same time: each its own, and the last one's stays.
            with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
                compile_kernels(command, Path(folder)).replace(cached)
        return ctypes.CDLL(str(cached))
    except OSError:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return ctypes.CDLL(str(compile_kernels(command, Path(folder))))
            except OSError as error:
                raise KernelsUnavailableError(f"the kernels could not be loaded: {error}") from error


def compile_kernels(command: tuple[str, ...], folder: Path) -> Path:
    """Compile the kernels in ``folder``; return the library's path. Raises KernelsUnavailableError, OSError."""
    library = folder / "batch_norm.so"
    done = subprocess.run(
        [*command, str(SOURCE), "-o", str(library)], capture_output=True, encoding="utf-8", errors="replace"
    )
    if done.returncode:
        raise KernelsUnavailableError(f"{' '.join(command)} failed on {SOURCE.name}: {done.stderr.strip()[-500:]}")
    return library


def cache_folder() -> Path:
    """Return the folder of compiled kernels (XDG specification). Raises OSError if the user has no home folder."""
    root = os.environ.get("XDG_CACHE_HOME")
    if not root:
        try:
            root = str(Path.home() / ".cache")
        except RuntimeError as error:
            raise FileNotFoundError(str(error)) from error
    return Path(root) / "orchestrator" / "kernels"
