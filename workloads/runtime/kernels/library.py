"""The compiled kernels: built once for a kind of processor, then kept."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from workloads.runtime.processors import instructions

SOURCE = Path(__file__).with_name("batch_norm.cpp")
COMPILERS = ("g++", "c++")
"""Not clang's: torch's threads are those of GCC's OpenMP, and a second set of threads would take their cores."""
FLAGS = ("-std=c++17", "-O3", "-fno-math-errno", "-fno-trapping-math", "-fopenmp", "-shared", "-fPIC")


class KernelsUnavailableError(RuntimeError):
    """The kernels cannot be built or loaded here."""


@functools.cache
def load_kernels() -> ctypes.CDLL:
    """The kernels as a C library, compiled at the first call on a kind of processor (two seconds).

    Kept in ``$XDG_CACHE_HOME`` or ``~/.cache``, each kind of processor's apart, since nodes may share that folder;
    where nothing can be kept, compiled anew. Raises KernelsUnavailableError.
    """
    if not torch.backends.openmp.is_available():  # type: ignore[no-untyped-call]
        raise KernelsUnavailableError("this torch was built without OpenMP, whose threads the kernels use")
    named = os.environ.get("CXX")
    compiler = next((found for word in ((named,) if named else COMPILERS) if (found := shutil.which(word))), None)
    if compiler is None:
        looked_for = f"CXX={named}" if named else ", ".join(COMPILERS)
        raise KernelsUnavailableError(f"no C++ compiler ({looked_for}: not found)")
    native = "-mcpu=native" if platform.machine() in ("aarch64", "arm64") else "-march=native"
    command = (compiler, *FLAGS, native)
    key = hashlib.sha256("\0".join((SOURCE.read_text(), *command, *instructions())).encode()).hexdigest()[:16]
    cached = cache_folder() / f"batch_norm-{key}.so"
    try:
        if not cached.exists():
            cached.parent.mkdir(parents=True, exist_ok=True)
            # Several ranks may build at the same time: each its own, and the last one's stays.
            with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
                build(command, Path(folder)).replace(cached)
        return ctypes.CDLL(str(cached))
    except OSError:
        with tempfile.TemporaryDirectory() as folder:
            try:
                return ctypes.CDLL(str(build(command, Path(folder))))
            except OSError as error:
                raise KernelsUnavailableError(f"the kernels could not be loaded: {error}") from error


def build(command: tuple[str, ...], folder: Path) -> Path:
    """Compile the kernels in ``folder``. Raises KernelsUnavailableError, OSError."""
    library = folder / "batch_norm.so"
    done = subprocess.run([*command, str(SOURCE), "-o", str(library)], capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise KernelsUnavailableError(f"{' '.join(command)} failed on {SOURCE.name}: {done.stderr.strip()[-500:]}")
    return library


def cache_folder() -> Path:
    """Where compiled kernels are kept, as the XDG specification has it."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "orchestrator" / "kernels"
