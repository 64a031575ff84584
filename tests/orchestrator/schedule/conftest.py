"""Schedulers for tests: the real ones where they can be had, in a world of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

OWN_CRON = """
mount -t tmpfs tmpfs /run &&
mount -t tmpfs tmpfs /var/spool/cron &&
mkdir -m 1730 /var/spool/cron/crontabs && chgrp crontab /var/spool/cron/crontabs &&
mount -t tmpfs tmpfs /etc/cron.d &&
mount --bind /dev/null /etc/crontab &&
exec cron -f -L 15
"""

STAND_IN_SCRONTAB = """#!/bin/sh
# Keeps one text as scrontab does. Debian's Slurm ships no scrontab.
case "$1" in
-l) cat "$STAND_IN/scrontab" 2>/dev/null || { echo "no crontab for $(id -un)" >&2; exit 1; } ;;
-r) rm "$STAND_IN/scrontab" ;;
-) cat >"$STAND_IN/scrontab" ;;
esac
"""

STAND_IN_SYSTEMCTL = """#!/bin/sh
# Answers as a user's systemd does, and notes what it was asked. There is none in a container.
echo "$@" >>"$STAND_IN/systemctl.log"
"""


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder at the head of PATH for commands of the test's own."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def executable(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def cron(commands: Path) -> Iterator[int]:
    """Debian's cron and crontab, for real, with crontabs that nobody else sees; the daemon's process id."""
    if os.geteuid() != 0 or not shutil.which("cron") or not shutil.which("crontab"):
        pytest.skip("needs root and Debian's cron (apt install cron)")
    daemon = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", OWN_CRON],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    pid_file = Path(f"/proc/{daemon.pid}/root/run/crond.pid")
    deadline = time.monotonic() + 10
    while not (pid_file.exists() and pid_file.read_text().strip() == str(daemon.pid)):
        if daemon.poll() is not None or time.monotonic() > deadline:
            daemon.kill()
            assert daemon.stderr is not None
            pytest.skip(f"no mount namespace for a cron of its own: {daemon.stderr.read().strip()}")
        time.sleep(0.05)
    # It took its first look; what is written in the same second would stay unseen, as Debian's cron compares seconds.
    time.sleep(1)
    real = shutil.which("crontab")
    executable(commands / "crontab", f'#!/bin/sh\nexec nsenter --target {daemon.pid} --mount {real} "$@"\n')
    yield daemon.pid
    daemon.terminate()
    daemon.wait(10)


@pytest.fixture
def scrontab(commands: Path) -> None:
    """A stand-in that keeps the text."""
    executable(commands / "scrontab", STAND_IN_SCRONTAB)


@pytest.fixture
def crontab(commands: Path, tmp_path: Path) -> Path:
    """The same for cron's; the file of the text."""
    executable(commands / "crontab", STAND_IN_SCRONTAB)
    return tmp_path / "scrontab"


@pytest.fixture
def systemctl(commands: Path) -> None:
    """A stand-in that says yes; what is written for systemd is checked by systemd-analyze."""
    executable(commands / "systemctl", STAND_IN_SYSTEMCTL)


@pytest.fixture
def sbatch() -> None:
    """The real Slurm of the test cluster."""
    if not shutil.which("sbatch") or subprocess.run(["squeue"], capture_output=True, timeout=60).returncode:
        pytest.skip("no Slurm answers; get one with `slurm/testcluster up 4` (Debian, as root)")
