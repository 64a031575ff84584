"""Two processes at once on a fresh data folder: one makes the data set, the other waits for it and says for whom."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from commands import PROJECT

PROGRAM = """
import sys, time
from pathlib import Path
from workloads.runtime.samples.making import only_maker
folder = Path(sys.argv[1])
with only_maker(folder, lambda who: print(f"waiting for {who}", flush=True)):
    print("mine" if not folder.exists() else "there", flush=True)
    if not folder.exists():
        sys.stdin.readline()
        folder.mkdir()
"""


def start(folder: Path, **further: str) -> subprocess.Popen[str]:
    import os

    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT, env={**os.environ, **further},
    )  # fmt: skip


def test_the_second_waits_for_the_first_and_makes_nothing(tmp_path: Path) -> None:
    first = start(tmp_path / "set")
    assert first.stdout is not None and first.stdout.readline() == "mine\n"
    second = start(tmp_path / "set")
    assert second.stdout is not None and second.stdout.readline().startswith(f"waiting for process {first.pid} on ")
    first.communicate("\n", timeout=60)
    said, _ = second.communicate(timeout=60)
    assert said == "there\n"
    assert [path.name for path in tmp_path.glob(".*.maker")] == []


def test_who_waits_goes_on_when_the_maker_is_killed(tmp_path: Path) -> None:
    first = start(tmp_path / "set")
    assert first.stdout is not None and first.stdout.readline() == "mine\n"
    second = start(tmp_path / "set")
    assert second.stdout is not None and second.stdout.readline().startswith("waiting for ")
    first.kill()
    first.wait()
    assert second.stdout.readline() == "mine\n"
    second.communicate("\n", timeout=60)
    assert (tmp_path / "set").is_dir()


def test_without_locks_nobody_waits(tmp_path: Path) -> None:
    library = tmp_path / "no_locks.so"
    command = ["cc", "-shared", "-fPIC", "-o", str(library), str(PROJECT / "tests" / "no_locks.c"), "-ldl"]
    subprocess.run(command, check=True)
    alone = start(tmp_path / "set", LD_PRELOAD=str(library))
    said, _ = alone.communicate("\n", timeout=60)
    assert said == "mine\n" and alone.returncode == 0
