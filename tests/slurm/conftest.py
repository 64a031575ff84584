"""The test cluster that the tests of this folder need."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from commands import PROJECT

TESTCLUSTER = PROJECT / "slurm" / "testcluster"


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, Any]]:
    """The test cluster's status, up and whole; Slurm's commands find it."""
    answer = subprocess.run([TESTCLUSTER, "status", "--json"], capture_output=True, text=True, timeout=60)
    if answer.returncode != 0:
        pytest.skip("no healthy test cluster is up: `slurm/testcluster up 4 --threaded 1` makes one (Debian, as root)")
    status: dict[str, Any] = json.loads(answer.stdout)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", status["slurm_conf"])
        yield status
