"""A store of 100,000 runs: the history of one benchmark and cluster in 2 s, and inserting as fast as into a small one.

Fills a store with weekly campaigns of five benchmarks on four clusters (1, 2, 4 and 8 nodes, 5 repeats, five years).
Then times the command ``report --history benchmark=… cluster=… --json``, from its start to its end, and, in turn, the
inserting of a campaign of 20 runs into this store and into one of 1,000 runs. SQLite, or any database by ``--url``
(its tables must be empty), or a PostgreSQL server that ``--postgres`` starts and removes. ``--whole`` also times the
history of all runs, once: it is printed and has no limit.

Beyond ``--made`` the years before are copies of these runs, made by the database; they have no ranks, evaluations or
phases, which a history does not read. Processor seconds of the command are printed too: those of a database's server
are not in them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import String, cast, func, literal, select

from orchestrator.records import STEP_TIMES
from orchestrator.store import tables
from orchestrator.store.entries import EvaluationRow, PhaseRow, RunRow
from orchestrator.store.ranks import RankTable
from orchestrator.store.rows import RunRecord
from orchestrator.store.store import Store

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from postgres import running_postgres

BENCHMARKS = ("stemdl", "em_denoise", "slstr_cloud", "dms_scatter", "surrogate")
CLUSTERS = ("alpha", "beta", "gamma", "delta")
NODES, REPEATS = (1, 2, 4, 8), 5
RUNS, SMALL, MADE = 100_000, 1_000, 100_000
WEEK, START = 604_800.0, 1.6e9
HISTORY_LIMIT, INSERT_LIMIT = 2.0, 1.5
ROUNDS, INSERTS = 5, 15
MANIFEST = json.dumps({"config": {f"key{n}": n for n in range(150)}, "provenance": {"python": "3.11"}})


def campaign(benchmark: str, cluster: str, number: int, random: np.random.Generator) -> list[RunRecord]:
    """A week's runs."""
    records = []
    for nodes in NODES:
        for repeat in range(REPEATS):
            rate = 100 * nodes * float(np.exp(0.015 * random.standard_normal()))
            ranks = 4 * nodes
            places = {"node": np.arange(ranks) // 4, "local_rank": np.arange(ranks) % 4}
            texts = {"host": [f"{cluster}{rank // 4}" for rank in range(ranks)], "device": ["A100"] * ranks}
            seconds = {f"{name}_s": 100 * random.random(ranks) for name in STEP_TIMES}
            run: RunRow = {
                "campaign": f"{benchmark}-{cluster}-{number}", "run": f"n{nodes}-r{repeat}", "benchmark": benchmark,
                "cluster": cluster, "comm": "horovod", "mode": "training", "recipe": "reference", "scale": "weak",
                "nodes": nodes, "ranks": ranks, "repeat": repeat, "seed": repeat, "state": "completed", "attempts": 1,
                "cause": None, "created": START + WEEK * number + 60 * repeat, "directory": "/results",
                "config_hash": "c" * 64, "dataset_name": benchmark, "dataset_source": "real", "dataset_split": "s",
                "dataset_version": "1", "dataset_checksum": "d" * 64, "throughput": rate, "throughput_cold": 0.8 * rate,
                "throughput_warm": rate, "metric": "f1", "quality": 0.8, "target": 0.75,
                "time_to_accuracy_s": 1e5 / rate * float(np.exp(0.06 * random.standard_normal())),
                "manifest": MANIFEST, "result": "{}",
            }  # fmt: skip
            table = RankTable.of(texts, places, {"throughput": np.full(ranks, rate / ranks), **seconds})
            curve: list[EvaluationRow] = [
                {"number": n, "seconds": 10.0 * n, "epoch": n, "value": 0.1 * n} for n in range(8)
            ]
            phases: list[PhaseRow] = [
                {"name": name, "seconds": 1.0} for name in ("import", "rendezvous", "train", "evaluate")
            ]
            records.append(RunRecord(run, table, curve, phases))
    return records


def campaigns(random: np.random.Generator) -> Iterator[list[RunRecord]]:
    """Campaigns without end, week by week."""
    number = 0
    while True:
        for benchmark in BENCHMARKS:
            for cluster in CLUSTERS:
                yield campaign(benchmark, cluster, number, random)
        number += 1


def fill(store: Store, runs: int) -> Iterator[list[RunRecord]]:
    """Put so many runs into the store; returns what would come next."""
    source = campaigns(np.random.default_rng(1))
    batch: list[RunRecord] = []
    count = 0
    while count < runs:
        found = next(source)
        count += len(found)
        batch += found
        if len(batch) >= 2000 or count >= runs:
            store.put_all(batch)
            batch = []
    return source


def copy_runs(store: Store, runs: int) -> None:
    """Copy the runs of a store within it, each time all of them to the years before, until there are so many."""
    row = tables.runs
    names = [column.name for column in row.columns if column.name != "id"]
    number = 0
    while (count := store.count()) < runs:
        number += 1
        with store.engine.begin() as connection:
            first, last = connection.execute(select(func.min(row.c.created), func.max(row.c.created))).one()
            years = float(last - first) + WEEK
            changed = {
                "uid": literal(f"{number}-") + cast(row.c.id, String),
                "campaign": row.c.campaign + f"-{number}",
                "created": row.c.created - years,
                "ended": row.c.ended - years,
            }
            copies = select(*(changed.get(name, row.c[name]) for name in names)).order_by(row.c.created.desc())
            connection.execute(row.insert().from_select(names, copies.limit(runs - count)))


def timed(store: Store, records: list[RunRecord]) -> float:
    """Seconds to insert a campaign."""
    begun = time.perf_counter()
    store.put_all(records)
    return time.perf_counter() - begun


def timed_history(url: str, words: list[str]) -> tuple[float, float, dict[str, Any]]:
    """Seconds that a history takes, those of the clock and of this machine's processors for the command; and it."""
    command = [sys.executable, "-m", "orchestrator", "report", "--history", *words, f"store.url={url}", "--json"]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": "."})
    took, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    assert answer.returncode == 0, answer.stderr
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return took, used, json.loads(answer.stdout)


def main() -> int:
    """Print the figures; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--made", type=int, default=MADE, help="runs that are made, and not copied")
    parser.add_argument("--url", default=None, help="an empty database (default: a new SQLite file)")
    parser.add_argument("--postgres", action="store_true", help="start a PostgreSQL server for it")
    parser.add_argument("--whole", action="store_true", help="also the history of all runs")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_postgres() if chosen.postgres else nullcontext() as server:
        chosen.url = server.url if server else chosen.url
        url = chosen.url or f"sqlite:///{folder}/large.sqlite"
        large, small = Store(url), Store(f"sqlite:///{folder}/small.sqlite")
        begun = time.perf_counter()
        source = fill(large, min(chosen.runs, chosen.made))
        copy_runs(large, chosen.runs)
        filling = time.perf_counter() - begun
        some = [f"benchmark={BENCHMARKS[0]}", f"cluster={CLUSTERS[0]}"]
        seconds, processor = [], []
        for _ in range(ROUNDS):
            took, used, document = timed_history(url, some)
            seconds.append(took)
            processor.append(used)
        whole, whole_processor = timed_history(url, [])[:2] if chosen.whole else (None, None)
        ratio = None
        if chosen.url is None:
            small_source = fill(small, SMALL)
            pairs = [(timed(small, next(small_source)), timed(large, next(source))) for _ in range(INSERTS)]
            ratio = statistics.median(late for _, late in pairs) / statistics.median(early for early, _ in pairs)
        history = statistics.median(seconds)
        print(
            json.dumps(
                {
                    "benchmark": "store_size",
                    "database": large.engine.dialect.name,
                    "runs": chosen.runs,
                    "history_s": round(history, 2),
                    "history_processor_s": round(statistics.median(processor), 2),
                    "history_limit_s": HISTORY_LIMIT,
                    "history_runs": document["runs"],
                    "history_series": len(document["series"]),
                    "whole_s": None if whole is None else round(whole, 2),
                    "whole_processor_s": None if whole_processor is None else round(whole_processor, 2),
                    "n": ROUNDS,
                    "insert_ratio": None if ratio is None else round(ratio, 2),
                    "insert_limit": INSERT_LIMIT,
                    "insert_ms": None if ratio is None else round(1e3 * statistics.median(b for _, b in pairs), 1),
                    "inserts": INSERTS,
                    "filling_s": round(filling, 1),
                }
            )
        )
    return int(history > HISTORY_LIMIT or (ratio is not None and ratio > INSERT_LIMIT))


if __name__ == "__main__":
    sys.exit(main())
