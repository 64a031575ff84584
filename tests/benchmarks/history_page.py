"""The HTML history page of a store of 100,000 runs: seconds to write it and its size, against 5 s and 5 MB."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from orchestrator.analysis.courses import COLUMNS
from orchestrator.report.html.history import write_history
from orchestrator.store.store import RunRecord, Store

SECONDS, MEGABYTES = 5.0, 5.0
WEEKS, REPEATS = 104, 5
BENCHMARKS = ("stemdl", "em_denoise", "dms_scatter", "slstr_cloud")
CLUSTERS = ("a100x8", "gh200x4", "mi250x8", "cpu")
NODES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048)
WEEK = 7 * 86400.0


def runs() -> list[RunRecord]:
    """Two years of weekly sweeps, 99,840 runs: 192 series of five repeats a week, 1.5 % noise, some with a step."""
    random = np.random.default_rng(1)
    records = []
    for benchmark in BENCHMARKS:
        for cluster in CLUSTERS:
            for nodes in NODES:
                level = 100 * nodes**0.95 * (1 + len(benchmark) / 10)
                step = int(random.integers(WEEKS)) if random.random() < 0.2 else WEEKS
                noise = random.normal(0, 0.015, (WEEKS, REPEATS)) + random.normal(0, 0.01, (WEEKS, 1))
                for week in range(WEEKS):
                    factor = 0.93 if week >= step else 1.0
                    for repeat in range(REPEATS):
                        rate = float(level * factor * np.exp(noise[week, repeat]))
                        records.append(run(benchmark, cluster, nodes, week, repeat, rate))
    return records


def run(benchmark: str, cluster: str, nodes: int, week: int, repeat: int, rate: float) -> RunRecord:
    """One of them."""
    campaign = f"weekly-{cluster}-{week:03d}"
    return RunRecord(
        {
            "campaign": campaign, "run": f"{benchmark}-small-horovod-n{nodes}-r{repeat}", "benchmark": benchmark,
            "cluster": cluster, "comm": "horovod", "mode": "training", "recipe": "reference", "scale": "weak",
            "nodes": nodes, "ranks": 8 * nodes, "repeat": repeat, "seed": repeat, "state": "completed", "attempts": 1,
            "cause": None, "created": 1.72e9 + week * WEEK + 60.0 * repeat + nodes, "ended": 1.72e9 + week * WEEK + 600,
            "directory": f"/results/{campaign}/{benchmark}-n{nodes}-r{repeat}", "config_hash": "f" * 64,
            "git_commit": f"{week // 10:040d}", "git_dirty": False, "stopped": "target", "dataset_name": benchmark,
            "dataset_source": "real", "dataset_split": "test", "dataset_version": "1", "dataset_checksum": "c" * 64,
            "throughput": 0.98 * rate, "throughput_cold": 0.8 * rate, "throughput_warm": rate, "metric": "macro_f1",
            "quality": 0.76, "target": 0.75, "time_to_accuracy_s": 1e5 / rate, "result": "{}",
            "manifest": '{"config": {}}',
        }
    )  # fmt: skip


def main() -> int:
    """Fill a store, write the page, print one line; 1 if a limit is missed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder)
        fresh = not (place / "store.sqlite").exists()
        store = Store(f"sqlite:///{place / 'store.sqlite'}")
        if fresh:
            store.put_all(runs())
        start = time.perf_counter()
        page = write_history(store.history(columns=COLUMNS), place / "html")
        seconds = time.perf_counter() - start
        megabytes = page.stat().st_size / 1e6
        whole = sum(file.stat().st_size for file in (place / "html").rglob("*") if file.is_file()) / 1e6
        print(
            json.dumps(
                {
                    "benchmark": "history_page",
                    "runs": store.count(),
                    "s": round(seconds, 2),
                    "limit_s": SECONDS,
                    "mb": round(megabytes, 2),
                    "limit_mb": MEGABYTES,
                    "folder_mb": round(whole, 1),
                }
            )
        )
        return int(seconds > SECONDS or megabytes > MEGABYTES)


if __name__ == "__main__":
    raise SystemExit(main())
