"""How fast shuffled batches come out of a consolidated data set, against a plain sequential read of the same bytes.

Both from the page cache, a pass over the set by one and by the other in turn. The loader fills one reused batch of 32
samples; the plain read fills one reused buffer of the same size with ``os.readv``. Both write to page-aligned memory
that was touched before, which is what either side is fastest with. Prints one line of JSON: medians over passes.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from workloads.runtime.memory import page_aligned
from workloads.runtime.samples.consolidated import ConsolidatedSet, Provenance
from workloads.runtime.samples.loader import Loader, readers_for
from workloads.runtime.samples.writer import Writer
from workloads.stemdl.dataset import FIELDS
from workloads.stemdl.formats import PROCESSED_SHAPE, SAMPLE_BYTES, Sample
from workloads.stemdl.published_files import stack_samples

BATCH = 32


def make_set(folder: Path, samples: int) -> None:
    """A data set of noise: what is in it does not matter for its speed."""
    random = np.random.default_rng(0)
    sample = Sample(random.uniform(0, 255, PROCESSED_SHAPE).astype(np.float32), 1)
    provenance = Provenance("stemdl", "stand-in", "random", "loader-rate")
    counts = {"training": samples, "evaluation": BATCH}
    with Writer(folder, provenance, FIELDS, counts, {}) as writer:
        for part, count in counts.items():
            for _ in range(count):
                writer.append(part, stack_samples([sample]))


def shuffled_rate(samples: ConsolidatedSet, order: np.ndarray) -> float:
    """Bytes a second through ``ConsolidatedSet.read``, samples in the order given, a batch at a time."""
    out = samples.read(order[:BATCH])
    start = time.perf_counter()
    for first in range(0, len(order), BATCH):
        samples.read(order[first : first + BATCH], out)
    return len(order) * SAMPLE_BYTES / (time.perf_counter() - start)


def sequential_rate(paths: list[Path]) -> float:
    """Bytes a second of reading the files from end to end into one buffer."""
    buffer = page_aligned((BATCH * SAMPLE_BYTES,), np.uint8)
    buffer.fill(0)
    total = 0
    start = time.perf_counter()
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        while got := os.readv(descriptor, [buffer.data]):
            total += got
        os.close(descriptor)
    return total / (time.perf_counter() - start)


def measure(samples: int, repeats: int, folder: Path) -> dict[str, float | int | str]:
    """Medians over ``repeats`` passes, after one that warms the page cache."""
    folder = folder / "set"
    make_set(folder, samples)
    training = ConsolidatedSet(folder, "training", ["input", "target"])
    paths = sorted(folder.glob("training-*.h5"))
    random = np.random.default_rng(1)
    pairs = [
        (shuffled_rate(training, random.permutation(samples)), sequential_rate(paths)) for _ in range(repeats + 1)
    ][1:]
    loader, sequential = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    return {
        "benchmark": "loader_rate",
        "ratio": round(statistics.median(ours / plain for ours, plain in pairs), 4),
        "bytes_per_s": round(loader),
        "sequential_bytes_per_s": round(sequential),
        "n": repeats,
    }


def loader_rate(loader: Loader, order: np.ndarray) -> float:
    """Bytes a second of a loader whose batches nobody works on."""
    start = time.perf_counter()
    for _ in loader.iterate(order.reshape(-1, BATCH)):
        pass
    return len(order) * SAMPLE_BYTES / (time.perf_counter() - start)


def measure_readers(samples: int, repeats: int, folder: Path) -> dict[str, float | int | str]:
    """Medians over ``repeats`` passes of each, in turn, after one that warms the page cache."""
    training = ConsolidatedSet(folder / "set", "training", ["input", "target"])
    readers = readers_for(torch.device("cuda"), len(os.sched_getaffinity(0)) + 1)
    one, several = (Loader(training, BATCH, readers=count) for count in (1, readers))
    random = np.random.default_rng(1)
    pairs = [
        tuple(loader_rate(loader, random.permutation(samples)) for loader in (one, several)) for _ in range(repeats + 1)
    ][1:]
    return {
        "benchmark": "loader_rate/readers",
        "ratio": round(statistics.median(many / alone for alone, many in pairs), 3),
        "readers": readers,
        "bytes_per_s": round(statistics.median(many for _, many in pairs)),
        "one_reader_bytes_per_s": round(statistics.median(alone for alone, _ in pairs)),
        "n": repeats,
    }


def main() -> None:
    """Measure and print lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1024, help="samples in the set (196,608 bytes each)")
    parser.add_argument("--repeats", type=int, default=21, help="passes over the set")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for measurement in (measure, measure_readers):
            print(json.dumps(measurement(chosen.samples, chosen.repeats, Path(folder))), flush=True)


if __name__ == "__main__":
    main()
