"""What timing a step costs, as a part of a step of 10 ms: the limit is 0.2 %.

Both sides run in turn: a loop of empty steps with everything that the training loop does to measure one, and the same
loop without. Their difference per step, over 10 ms, is the ratio.
"""

from __future__ import annotations

import json
import statistics
import sys

from workloads.runtime.communicators import Timings
from workloads.runtime.measurement.clocks import clock
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.measurement.telemetry import Telemetry

STEPS = 20_000
ROUNDS = 9
STEP_SECONDS = 0.010
LIMIT = 0.002


def measured() -> float:
    """Seconds a step with measurement."""
    telemetry, timings, progress = Telemetry(STEPS), Timings(), Progress()
    begun = clock()
    for step in range(STEPS):
        begin = clock()
        asked = clock()
        waited = clock() - asked
        timings.gradients_ready = clock()
        timings.gradients_averaged = clock()
        telemetry.step(clock() - begin, waited, timings.waited, 0, 32)
        progress.samples_per_s = 32 / (clock() - begin)
        progress.epoch, progress.step = 1, step
        progress.changes += 1
    return (clock() - begun) / STEPS


def bare() -> float:
    """Seconds a step without."""
    begun = clock()
    for _ in range(STEPS):
        pass
    return (clock() - begun) / STEPS


def main() -> int:
    """Print the figures; 1 if the limit is missed."""
    costs = [measured() - bare() for _ in range(ROUNDS)]
    ratio = statistics.median(costs) / STEP_SECONDS
    print(
        json.dumps(
            {
                "benchmark": "telemetry_cost",
                "ratio": round(ratio, 6),
                "limit": LIMIT,
                "us_per_step": round(1e6 * statistics.median(costs), 3),
                "n": ROUNDS,
            }
        )
    )
    return int(ratio > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
