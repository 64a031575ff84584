"""A private PostgreSQL on a Unix socket in a temporary folder, for tests of the store."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class PostgreSQL:
    """A server that can be started and stopped; its folder is its address."""

    def __init__(self, folder: Path, programs: Path, prefix: list[str]) -> None:
        self.folder, self.programs, self.prefix = folder, programs, prefix

    @property
    def url(self) -> str:
        return f"postgresql://owner@/postgres?host={self.folder}"

    def call(self, program: str, *words: str) -> None:
        command = [*self.prefix, str(self.programs / program), "-D", str(self.folder / "data"), *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=120)

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off"
        self.call("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        self.call("pg_ctl", "-w", "-m", "immediate", "stop")


@contextmanager
def running_postgres() -> Iterator[PostgreSQL]:
    """A server that runs, and is removed with what it holds; skips the test where its programs are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("no PostgreSQL server programs: apt-get install postgresql")
    root = os.geteuid() == 0
    if root and not shutil.which("runuser"):
        pytest.skip("PostgreSQL does not run as root, and there is no runuser")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if root:
        shutil.chown(folder, "nobody")
    server = PostgreSQL(folder, found[-1].parent, ["runuser", "-u", "nobody", "--"] if root else [])
    server.call("initdb", "-U", "owner", "--auth=trust", "--no-sync")
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)
