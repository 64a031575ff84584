"""What the scores of disentanglement take on one core: those that every evaluation computes, at most LIMIT seconds for
as many samples as XYC has, with ten codes. The forests (DCI), which come once at the end, are timed for ``--forests``.
"""

from __future__ import annotations

import os

# One core: numerical libraries read these when they are loaded.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import json
import statistics
import sys
import time

import numpy as np

from workloads.disentanglement.scores import evaluate

CODES, ROUNDS = 10, 5
LIMIT = 5.0


def main() -> int:
    """Print the figures; 1 if the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forests", action="store_true")
    forests = parser.parse_args().forests
    # The factors of XYC: 53 by 53 places in 5 greys. Codes know three of them through noise.
    factors = np.indices((53, 53, 5)).reshape(3, -1).T
    codes = np.random.default_rng(1).normal(size=(len(factors), CODES))
    codes[:, :3] += factors - factors.mean(axis=0)
    seconds = []
    for seed in range(1 if forests else ROUNDS):
        begun = time.process_time()
        evaluate(codes, factors, np.random.default_rng(seed), forests)
        seconds.append(time.process_time() - begun)
    taken = statistics.median(seconds)
    print(
        json.dumps(
            {
                "benchmark": "disentanglement_scores",
                "samples": len(codes),
                "codes": CODES,
                "forests": forests,
                "cpu_s": round(taken, 2),
                "range_s": [round(min(seconds), 2), round(max(seconds), 2)],
                "limit": None if forests else LIMIT,
                "n": len(seconds),
            }
        )
    )
    return int(not forests and taken > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
