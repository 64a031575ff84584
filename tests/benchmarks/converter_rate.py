"""How fast published files become the consolidated format, against a plain copy of the same files.

For each benchmark files of the published layout, types and sizes are written, some hundred megabytes of noise (what is
in them does not matter for speed). Then a copy (``shutil.copyfile``, which has the kernel do it) and a conversion, with
all that belongs to it (every value checked, BLAKE3 of what was written), take turns; both read from the page cache and
write to the same file system, and neither waits for the disk. Prints one line of JSON a benchmark: medians over turns.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

import workloads
from workloads.dms_scatter import formats as dms_formats
from workloads.dms_scatter.dataset import DmsScatterDataset
from workloads.em_denoise.dataset import EmDenoiseDataset
from workloads.runtime.dataset import Dataset
from workloads.slstr_cloud import formats as slstr_formats
from workloads.slstr_cloud.dataset import SlstrCloudDataset
from workloads.stemdl import published_files
from workloads.stemdl.dataset import StemdlDataset
from workloads.stemdl.formats import PROCESSED_SHAPE, Sample, write_raw

LIMIT = 0.5


def write_em_denoise(folder: Path, scale: float) -> None:
    """Pairs of 256 x 256 pixels."""
    random = np.random.default_rng(1)
    block = random.random((64, 256, 256, 1), np.float32)
    for name, blocks in (("train", round(8 * scale)), ("test", 1)):
        (folder / name).mkdir()
        for file in ("graphene_img_noise.h5", "graphene_img_clean.h5"):
            with h5py.File(folder / name / file, "w") as opened:
                images = opened.create_dataset("images", (64 * blocks, 256, 256, 1), "<f4")
                for number in range(blocks):
                    images[64 * number : 64 * (number + 1)] = block


def write_dms_scatter(folder: Path, scale: float) -> None:
    """Patterns of 487 x 195 pixels and three channels."""
    block = np.random.default_rng(1).random((32, *dms_formats.IMAGE_SHAPE), np.float32)
    counts = {"training": 32 * round(7 * scale), "evaluation": 32}
    with dms_formats.create_groups(folder, counts) as datasets:
        for part, (images, labels) in datasets.items():
            for first in range(0, counts[part], 32):
                images[first : first + 32] = block
            labels[...] = np.arange(counts[part]) % 2


def write_slstr_cloud(folder: Path, scale: float) -> None:
    """Scenes of 1200 x 1500 pixels, 180 MB each."""
    random = np.random.default_rng(1)
    scene = {key: random.random((1200, 1500, depth)) for key, depth in slstr_formats.DEPTHS.items()}
    scene["bts"] = scene["bts"] * 60 + 230
    for number in range(max(2, round(4 * scale))):
        slstr_formats.write_scene(folder / "training" / "day" / f"S3A_{number:04d}.hdf", scene)


def write_stemdl(folder: Path, scale: float) -> None:
    """Processed stacks, a file each."""
    stack = np.random.default_rng(1).uniform(0, 255, PROCESSED_SHAPE).astype(np.float32)
    for part, count in (("training", round(1400 * scale)), ("evaluation", 100)):
        published_files.write_samples(folder, part, 0, [Sample(stack, 1 + number % 230) for number in range(count)])


def write_stemdl_raw(folder: Path, scale: float) -> None:
    """Raw stacks, many in a file."""
    stack = np.random.default_rng(1).exponential(1e-3, (3, 512, 512)).astype(np.float32)
    for name, count in (("train", round(80 * scale)), ("dev", 16)):
        (folder / name).mkdir()
        for number in range(count):
            write_raw(folder / name / "batch.h5", f"sample_{number}", stack, 1 + number % 230)


CASES: dict[str, tuple[type[Dataset], Callable[[Path, float], None], dict[str, Any]]] = {
    "stemdl": (StemdlDataset, write_stemdl, {"source": "real", "version": "stemdl_ds1", "split": "material"}),
    "em_denoise": (EmDenoiseDataset, write_em_denoise, {"source": "real", "version": "em_graphene_sim", "pixels": 256}),
    "slstr_cloud": (SlstrCloudDataset, write_slstr_cloud, {"source": "real", "version": "cloud_slstr_ds1"}),
    "dms_scatter": (DmsScatterDataset, write_dms_scatter, {"source": "real", "version": "dms_sim"}),
    "stemdl raw": (StemdlDataset, write_stemdl_raw, {"source": "real", "version": "raw", "split": "material"}),
}


def settings(dataset_class: type[Dataset], chosen: dict[str, Any]) -> dict[str, Any]:
    """The benchmark's data settings with those of a case."""
    path = Path(workloads.__path__[0]) / dataset_class.NAME / "benchmark.yaml"
    return {**yaml.safe_load(path.read_text())["dataset"], **chosen}


def copy(source: Path, target: Path) -> float:
    """Seconds of a plain copy."""
    os.sync()
    begun = time.perf_counter()
    shutil.copytree(source, target, copy_function=shutil.copyfile)
    return time.perf_counter() - begun


def convert(dataset_class: type[Dataset], source: Path, target: Path, chosen: dict[str, Any], workers: int) -> float:
    """Seconds of a conversion."""
    os.sync()
    begun = time.perf_counter()
    dataset_class(chosen).convert(source, target, lambda done, total: None, workers)
    return time.perf_counter() - begun


def measure(name: str, folder: Path, repeats: int, scale: float) -> dict[str, Any]:
    """Medians over ``repeats`` turns, after one that nobody counts."""
    dataset_class, write, case = CASES[name]
    chosen, workers = settings(dataset_class, case), len(os.sched_getaffinity(0))
    source = folder / "published"
    source.mkdir()
    write(source, scale)
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    turns = []
    for _ in range(repeats + 1):
        copied = copy(source, folder / "copy")
        shutil.rmtree(folder / "copy")
        converted = convert(dataset_class, source, folder / "converted", chosen, workers)
        shutil.rmtree(folder / "converted")
        turns.append((copied, converted))
    shutil.rmtree(source)
    copies, conversions = zip(*turns[1:], strict=True)
    ratios = sorted(one / other for one, other in turns[1:])
    return {
        "benchmark": "converter_rate",
        "data": name,
        "ratio": round(statistics.median(ratios), 3),
        "lowest": round(ratios[0], 3),
        "highest": round(ratios[-1], 3),
        "limit": LIMIT,
        "converted_mb_per_s": round(size / statistics.median(conversions) / 1e6),
        "copied_mb_per_s": round(size / statistics.median(copies) / 1e6),
        "mb": round(size / 1e6),
        "cores": workers,
        "n": repeats,
    }


def main() -> None:
    """Measure and print a line of JSON for each case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--scale", type=float, default=1.0, help="1: about 300 MB, 720 MB for slstr_cloud")
    parser.add_argument("--folder", type=Path, help="where to write; default: the system's temporary folder")
    options = parser.parse_args()
    for name in options.data:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            print(json.dumps(measure(name, Path(folder), options.repeats, options.scale)), flush=True)


if __name__ == "__main__":
    main()
