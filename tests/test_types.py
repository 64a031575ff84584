"""Types hold, strictly. It takes a processor a minute: among the tests, others run beside it."""

from __future__ import annotations

import subprocess
import sys

import pytest
from commands import PROJECT


@pytest.mark.thorough
def test_types_hold_everywhere() -> None:
    checked = subprocess.run([sys.executable, "-m", "mypy"], capture_output=True, text=True, cwd=PROJECT)
    assert checked.returncode == 0, checked.stdout + checked.stderr
