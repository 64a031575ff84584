"""What a rank knows of itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def test_a_rank_knows_to_some_hundredths_of_a_second_when_it_was_started() -> None:
    before = time.time()
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "from workloads.runtime.measurement.clocks import process_start; print(process_start())",
        ],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=True,
    )
    # Started after the first look at the clock, long before the interpreter was ready.
    assert before - 0.02 < float(told.stdout) < before + 0.2
