"""How long ``python -m orchestrator plan benchmark=stemdl`` takes: at most 0.8 s on a warm disk.

Alternates with an interpreter that only imports Hydra, which is what any Hydra program pays.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

ROUNDS = 9
LIMIT_SECONDS = 0.8
PLAN = [sys.executable, "-m", "orchestrator", "plan", "benchmark=stemdl"]
HYDRA = [sys.executable, "-c", "import hydra"]


def seconds(command: list[str]) -> float:
    """Wall time of a command that must succeed."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def main() -> int:
    """Print the figures; 1 if the limit is missed."""
    seconds(PLAN), seconds(HYDRA)
    pairs = [(seconds(PLAN), seconds(HYDRA)) for _ in range(ROUNDS)]
    plan, hydra = (statistics.median(side) for side in zip(*pairs, strict=True))
    print(
        json.dumps(
            {
                "benchmark": "plan_time",
                "seconds": round(plan, 3),
                "limit_s": LIMIT_SECONDS,
                "hydra_import_s": round(hydra, 3),
                "ratio": round(plan / hydra, 2),
                "n": ROUNDS,
            }
        )
    )
    return int(plan > LIMIT_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
