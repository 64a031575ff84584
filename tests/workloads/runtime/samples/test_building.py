"""What is half made is removed when its maker is dead, which its lock tells and its process's number does not."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import PROJECT, eventually

from workloads.runtime.samples.building import build_folder, lock_of

MAKER = """
import sys
from pathlib import Path
from workloads.runtime.samples.building import build_folder
with build_folder(Path(sys.argv[1])) as partial:
    (partial / "half").write_text("made")
    print(partial, flush=True)
    sys.stdin.readline()
"""
IN_ANOTHER_CONTAINER = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


def may_have_containers() -> bool:
    return shutil.which("unshare") is not None and not subprocess.run([*IN_ANOTHER_CONTAINER, "true"]).returncode


def is_free(lock: Path) -> bool:
    """Whether nobody holds a lock file."""
    with lock.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.fixture(params=["here", "in another container"])
def maker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A process that is making the folder "set", and what it makes it in."""
    before = []
    if request.param != "here":
        if not may_have_containers():
            pytest.skip("this machine forbids a namespace of process numbers")
        before = IN_ANOTHER_CONTAINER
    words = [*before, sys.executable, "-c", MAKER, str(tmp_path / "set")]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
    assert process.stdout is not None
    yield process, Path(process.stdout.readline().strip())
    process.kill()
    process.communicate()


def test_what_another_process_makes_is_left_alone_while_it_lives_and_removed_when_it_was_killed(
    maker: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    process, partial = maker
    with build_folder(tmp_path / "set") as mine:
        assert mine != partial and (partial / "half").read_text() == "made"
    process.kill()
    process.wait()
    # A killed process's files are closed a moment after its end, and whoever reads the end of its input ends in order.
    assert eventually(lambda: is_free(lock_of(partial)))
    process.communicate()
    with build_folder(tmp_path / "set") as mine:
        assert not partial.exists() and not lock_of(partial).exists()
        mine.rename(tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_what_has_no_lock_is_of_an_earlier_version_and_left_to_people(tmp_path: Path) -> None:
    import socket

    old = tmp_path / f".set.{socket.gethostname()}.1.0.partial"
    old.mkdir()
    with build_folder(tmp_path / "set"):
        assert old.exists()
