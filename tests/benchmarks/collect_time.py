"""Collecting a run of Frontier's size beside reading its file: at most 2 × the time, at most 1 GB of memory.

Makes telemetry of 75,264 ranks × 1,000 steps as the ranks write it. Then reads the file's bytes from first to last and
collects the run, in turn, several times. Both sides find the file in the page cache or neither does; the median of the
ratios is judged. Pairs of times are those of the clock and of processors. Takes 2 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

from orchestrator.records import STEP_TIMES, TELEMETRY_SCHEMA, step_dataset

RANKS, STEPS, PER_NODE = 75_264, 1_000, 8
LIMIT, MEMORY_LIMIT = 2.0, 1e9
ROUNDS = 5

CHILD = """
import json, resource, sys, time
from pathlib import Path
from orchestrator.records import AttemptDirectory
from orchestrator.campaign.collect import add_telemetry
from orchestrator.store.store import RunRecord
from orchestrator.store.rows import children_of
from orchestrator.store import tables

def read(path):
    buffer = memoryview(bytearray(8 << 20))
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass

def seconds(work):
    # Those of the clock, and of processors.
    begun, used = time.perf_counter(), time.process_time()
    result = work()
    return (time.perf_counter() - begun, time.process_time() - used), result

def collect():
    record = RunRecord({"ranks": int(sys.argv[3])})
    add_telemetry(record, AttemptDirectory(path.parent), 1e6)
    return record, len(children_of(record, tables.rank_summaries)[0]["packed"])

path = Path(sys.argv[1])
rounds = []
for _ in range(int(sys.argv[2])):
    reading, _ = seconds(lambda: read(path))
    collecting, (record, packed) = seconds(collect)
    rounds.append((reading, collecting))
peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"rounds": rounds, "peak": peak, "packed": packed, "rate": record.run["throughput"]}))
"""


def write(path: Path, ranks: int, steps: int) -> None:
    """A telemetry file in the ranks' format, in pieces."""
    random = np.random.default_rng(1)
    with h5py.File(path, "w") as file:
        text = h5py.string_dtype()
        file.attrs.update({"schema": TELEMETRY_SCHEMA, "unit": "samples", "first_step": 0})
        hosts = [f"frontier{rank // PER_NODE:05d}" for rank in range(ranks)]
        file["rank/host"] = np.array(hosts, text)
        file["rank/device"] = np.array(["AMD Instinct MI250X"] * ranks, text)
        file["rank/node"] = np.arange(ranks, dtype=np.int32) // PER_NODE
        file["rank/local_rank"] = np.arange(ranks, dtype=np.int32) % PER_NODE
        shape = {"shape": (ranks, steps), "chunks": (max(1, 2**20 // (4 * steps)), steps)}
        times = {name: file.create_dataset(step_dataset(name), dtype=np.float32, **shape)
                 for name in STEP_TIMES}  # fmt: skip
        epoch = file.create_dataset("step/epoch", dtype=np.int32, **shape)
        samples = file.create_dataset("step/samples", dtype=np.int32, **shape)
        for start in range(0, ranks, 1024):
            stop = min(start + 1024, ranks)
            compute = 0.1 * (1 + 0.02 * random.standard_normal((stop - start, steps), np.float32))
            wait = 0.02 * random.random((stop - start, steps), np.float32)
            times["compute"][start:stop], times["waiting"][start:stop] = compute, wait
            times["data"][start:stop] = np.float32(0.001)
            times["total"][start:stop] = compute + wait + np.float32(0.001)
            epoch[start:stop] = np.arange(steps, dtype=np.int32) // 100
            samples[start:stop] = 32
        for name, values in (("seconds", [100.0]), ("epoch", [10]), ("value", [0.7])):
            file[f"evaluation/{name}"] = np.array(values)
        file["phase/name"] = np.array(["import", "train"], text)
        file["phase/start"] = np.tile([0.0, 60.0], (ranks, 1))
        file["phase/stop"] = np.tile([50.0, 180.0], (ranks, 1))


def main() -> int:
    """Print the figures; 1 if a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", type=int, default=RANKS)
    parser.add_argument("--folder", type=Path, default=None, help="where to make the files (default: a temporary one)")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as made:
        path = Path(made) / "attempt-1" / "telemetry.h5"
        path.parent.mkdir()
        begun = time.perf_counter()
        write(path, chosen.ranks, STEPS)
        making = time.perf_counter() - begun
        size = path.stat().st_size
        command = [sys.executable, "-c", CHILD, str(path), str(ROUNDS), str(chosen.ranks)]
        answer = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        reading, collecting = np.swapaxes(answer["rounds"], 0, 1)
        ratio, of_processors = np.median(collecting / reading, axis=0).tolist()
        missed = ratio > LIMIT or answer["peak"] > MEMORY_LIMIT
        print(
            json.dumps(
                {
                    "benchmark": "collect_time",
                    "ranks": chosen.ranks,
                    "steps": STEPS,
                    "file_gb": round(size / 1e9, 3),
                    "ratio": round(ratio, 2),
                    "ratio_of_processors": round(of_processors, 2),
                    "limit": LIMIT,
                    "read_s": np.median(reading, axis=0).round(3).tolist(),
                    "collect_s": np.median(collecting, axis=0).round(3).tolist(),
                    "peak_gb": round(answer["peak"] / 1e9, 3),
                    "peak_limit_gb": MEMORY_LIMIT / 1e9,
                    "in_store_mb": round(answer["packed"] / 1e6, 2),
                    "making_s": round(making, 1),
                    "n": ROUNDS,
                }
            )
        )
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
