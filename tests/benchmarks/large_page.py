"""The report of a campaign of 2,000 runs of one problem, and of a matrix of 10 data sets × 12 methods × 5 seeds: the
terminal's table, the page's writing and size, and its opening in Chromium, in at most 3 s each of three times.

One training's files are made and collected as ``run`` leaves them; its stored row is repeated with seeds, names of data
sets and methods, and measurements of its own. Without Chromium and its driver the page is written and not opened.
"""

from __future__ import annotations

import argparse
import copy
import json
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

# The project before its tests, among which a folder has the name of one of its packages.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from browser import CHROMIUM, DRIVER, chromium
from large_results import timed
from made import made_campaign

from orchestrator.store.store import RunRecord, Store, default_url

RUNS, DATASETS, METHODS, SEEDS = 2_000, 10, 12, 5
LIMIT_S = 3.0
ROUNDS = 3


def repeated(one: RunRecord, number: int, random: np.random.Generator, **named: str) -> RunRecord:
    """A run like another, with a name and seed of its own and measurements that differ by a hundredth."""
    record = copy.deepcopy(one)
    row = record.run
    for key in ("id", "uid", "series", "finality"):
        row.pop(key, None)  # type: ignore[misc]
    factor = float(np.exp(0.01 * random.standard_normal()))
    row |= {"run": f"stemdl-small-mpi-n1-r{number}", "repeat": number, "seed": number, **named}  # type: ignore[typeddict-item]
    for key in ("throughput", "throughput_cold", "throughput_warm", "quality"):
        row[key] = row[key] * factor  # type: ignore[literal-required]
    return record


def fill(results: Path, name: str, matrix: bool) -> int:
    """Put a campaign into the store of a new results folder; return how many runs it has."""
    results.mkdir()
    campaign = made_campaign(results, name, runs=2)
    # The one that failed.
    shutil.rmtree(campaign / "stemdl-small-mpi-n1-r1")
    timed(["collect", str(campaign), f"results={results}"], results.parent)
    store = Store(default_url(results))
    one = next(record for record in store.campaign(name) if record.run["state"] == "completed")
    random = np.random.default_rng(1)
    if matrix:
        cells = [(d, m) for d in range(DATASETS) for m in range(METHODS)]
        records = [
            repeated(one, 2 + seed + SEEDS * place, random, dataset_name=f"set-{d}", method=f"method-{m}")
            for place, (d, m) in enumerate(cells)
            for seed in range(SEEDS)
        ]
    else:
        records = [repeated(one, number, random) for number in range(2, RUNS)]
    store.put_all(records)
    return store.count()


def main() -> int:
    """Print the figures; 1 if a page opens too late."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    missed = False
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("seeds", "matrix"):
            results = folder / kind
            runs = fill(results, kind, kind == "matrix")
            words = ["report", kind, f"results={results}"]
            table = [timed(words, folder) for _ in range(ROUNDS)]
            page = [
                timed([*words, "--format", "html", "-o", str(folder / f"page-{kind}")], folder) for _ in range(ROUNDS)
            ]
            file = folder / f"page-{kind}" / "index.html"
            opened = []
            if CHROMIUM and DRIVER:
                with chromium(folder / f"browser-{kind}") as browser:
                    for _ in range(ROUNDS):
                        begun = time.perf_counter()
                        # Until what is in view is drawn, as for a person who looks at it.
                        browser.open(file, draw=False)
                        browser.wait("document.readyState === 'complete' && document.querySelector('table')")
                        opened.append(time.perf_counter() - begun)
            missed |= bool(opened) and statistics.median(opened) > LIMIT_S
            print(
                json.dumps(
                    {
                        "benchmark": f"report of {runs} runs ({kind})",
                        "table_s": round(statistics.median(seconds for seconds, _, _ in table), 2),
                        "table_processor_s": round(statistics.median(seconds for _, seconds, _ in table), 2),
                        "page_processor_s": round(statistics.median(seconds for _, seconds, _ in page), 2),
                        "page_mb": round(file.stat().st_size / 1e6, 2),
                        "opened_s": [round(seconds, 2) for seconds in opened],
                        "limit_s": LIMIT_S,
                        "n": ROUNDS,
                    }
                )
            )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
