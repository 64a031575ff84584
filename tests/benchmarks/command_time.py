"""How long a command takes: ``python tests/benchmarks/command_time.py [--rounds N] plan benchmark=stemdl -m``.

Starts ``python -m orchestrator`` with these words so many times, after one that warms the disk, in an empty folder.
Prints one line of JSON: seconds by the clock and of processors.
"""

from __future__ import annotations

import argparse
import json
import tempfile

from start_time import ORCHESTRATOR, run_timed


def main() -> None:
    """Time the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    options, words = parser.parse_known_args()
    words = words or ["plan", "benchmark=stemdl"]
    with tempfile.TemporaryDirectory() as folder:
        run_timed([*ORCHESTRATOR, *words], folder)
        taken = [run_timed([*ORCHESTRATOR, *words], folder) for _ in range(options.rounds)]
    wall, processor = ([round(each, 3) for each in side] for side in zip(*taken, strict=True))
    print(json.dumps({"benchmark": "command_time", "words": words, "wall_s": wall, "processor_s": processor}))


if __name__ == "__main__":
    main()
