"""Freed memory stays with the process, so that the next step need not have its pages cleared again."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from workloads.runtime.memory import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
def touch():
    np.ones(64 * 2**20, np.uint8)
touch()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    touch()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    answer = subprocess.run([sys.executable, "-c", PROGRAM, how], capture_output=True, text=True)
    if answer.returncode == 3:
        pytest.skip("this C library has no mallopt")
    assert answer.returncode == 0, answer.stderr
    return int(answer.stdout)


def test_a_large_array_is_made_of_memory_that_another_has_left() -> None:
    pages = 5 * 64 * 2**20 // resource.getpagesize()
    assert faults("kept") < pages / 100
