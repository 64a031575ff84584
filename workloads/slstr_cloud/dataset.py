"""The slstr_cloud data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples import consolidated
from workloads.runtime.samples.building import building
from workloads.runtime.samples.consolidated import Field, Provenance
from workloads.runtime.samples.parallel import mapped
from workloads.runtime.samples.processes import process_pool
from workloads.runtime.samples.writer import Writer
from workloads.slstr_cloud import formats
from workloads.slstr_cloud.geometry import Geometry, split_by_file

Progress = Callable[[int, int], None]

TRAINING_SHARE, SPLIT_SEED = 0.8, 42
"""As in the published loaders."""
TRAINING_FOLDERS = ("training", "one-day")
"""Where the published set keeps its training scenes; the others ("inference", "ssts") belong to buoy measurements."""
MADE_OF = ("source", "version", "split", "height", "width", "patch", "crop")
NAME = "slstr_cloud"
PUBLISHED = {
    "cloud_slstr_ds1": Published(
        "sciml-datasets/es/cloud_slstr_ds1", 187_000_000_000, "970 scenes for training, 100 at sea-surface buoys"
    )
}


def folder_name(settings: Mapping[str, Any]) -> str:
    """Where under the data root the data set with these settings lives: different data, different folder."""
    if settings["source"] == "real":
        return f"slstr_cloud/real-{settings['version']}-patch{settings['patch']}"
    return consolidated.stand_in_name("slstr_cloud", settings, _made_of(settings))


def _made_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    stand_in = ("seed", "scenes") if settings["source"] == "stand-in" else ()
    try:
        return {key: settings[key] for key in (*MADE_OF, *stand_in)}
    except KeyError as error:
        raise DatasetError(f"dataset settings lack {error}; expected {(*MADE_OF, *stand_in)}") from error


def _fields(height: int, width: int) -> dict[str, Field]:
    return {
        "input": Field((height, width, formats.CHANNELS), formats.STORED),
        "target": Field((height, width), "uint8"),
    }


def verify(folder: Path, settings: Mapping[str, Any], thorough: bool) -> dict[str, Any]:
    """Check a consolidated data set and say what it is; `thorough` compares every file's BLAKE3."""
    geometry = Geometry.of(settings)
    patches, scenes = _fields(geometry.patch, geometry.patch), _fields(*geometry.shape)
    return consolidated.verify(folder, settings, patches, thorough, scenes)


def synthesise(folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """Make the stand-in data set, once: a folder that is already complete is left as it is."""
    if settings["source"] != "stand-in":
        raise DatasetError(
            f"{folder}: source is {settings['source']!r}, which cannot be synthesised; "
            "download the published files and convert them (python -m orchestrator data slstr_cloud download)"
        )
    if (folder / "dataset.json").is_file():
        return
    total = 2 * int(settings["scenes"])
    try:
        with building(folder) as scratch:
            write_published(scratch, settings, lambda done, _: progress(done, total), workers)
            convert(scratch, folder, settings, lambda done, _: progress(total // 2 + done, total), workers)
    except OSError as error:
        needed = 0.12 * settings["scenes"] * settings["height"] * settings["width"] / 1e6
        raise DatasetError(f"{folder} could not be made ({needed:.1f} GB needed): {error}") from error


def write_published(published: Path, settings: Mapping[str, Any], progress: Progress, workers: int) -> None:
    """The stand-in scenes in the published layout. Raises DatasetError, OSError."""
    shape, seed, scenes = Geometry.of(settings).shape, int(settings["seed"]), int(settings["scenes"])
    if scenes < 2:
        raise DatasetError(f"dataset.scenes is {scenes}; expected at least 2, for training and for evaluation")
    try:
        with process_pool(workers) as pool:
            jobs = [pool.submit(write_stand_in, published, shape, seed, number) for number in range(scenes)]
            for done, job in enumerate(jobs, start=1):
                job.result()
                progress(done, scenes)
    except BrokenProcessPool as error:
        raise DatasetError(f"{published} could not be made: a simulating process died ({error})") from error


def write_stand_in(published: Path, shape: tuple[int, int], seed: int, number: int) -> None:
    """Simulate one scene and write its file; it depends on the seed and its number alone. Three of five are by day."""
    import numpy as np

    from workloads.slstr_cloud.simulation import simulate

    scene = simulate(shape, number % 5 < 3, np.random.default_rng([seed, number]))
    minutes, part = 3 * number, "day" if scene.day else "night"
    start = f"{minutes // 60 % 24:02d}{minutes % 60:02d}00"
    name = f"S3A_SL_1_RBT____20200101T{start}_stand_in_{number:06d}.hdf"
    formats.write_scene(published / "training" / part / name, scene.arrays)


def _training_scenes(published: Path) -> list[Path]:
    for name in TRAINING_FOLDERS:
        if (published / name).is_dir():
            return formats.scene_files(published / name)
    return formats.scene_files(published)


def convert(published: Path, folder: Path, settings: Mapping[str, Any], progress: Progress, workers: int = 1) -> None:
    """Published scenes to the consolidated folder: four in five of the files as patches, the others whole."""
    if settings["split"] != "file":
        raise DatasetError(f"dataset.split is {settings['split']!r}; expected 'file'")
    geometry = Geometry.of(settings)
    paths = _training_scenes(published)
    training, evaluation = split_by_file(len(paths), TRAINING_SHARE, SPLIT_SEED)
    counts = {"training": len(training) * geometry.training_patches, "evaluation": len(evaluation)}
    if not all(counts.values()):
        raise DatasetError(f"{published} holds {len(paths)} scenes; expected at least 2")
    seed = settings["seed"] if settings["source"] == "stand-in" else None
    provenance = Provenance("slstr_cloud", settings["source"], settings["split"], str(settings["version"]), seed)
    patches, scenes = _fields(geometry.patch, geometry.patch), _fields(*geometry.shape)
    writer = Writer(
        folder, provenance, patches, counts, _made_of(settings), shards=1, evaluation_fields=scenes, workers=workers
    )

    def copy(number: int) -> None:
        held_out = number - len(training)
        path = paths[training[number] if held_out < 0 else evaluation[held_out]]
        scene = formats.read_scene(path, geometry.shape)
        images, masks = formats.normalised(scene), formats.labels(scene)
        if held_out < 0:
            arrays = {"input": geometry.cut(images), "target": geometry.cut(masks)}
            writer.write("training", number * geometry.training_patches, arrays)
        else:
            writer.write("evaluation", held_out, {"input": images[None], "target": masks[None]})

    with writer:
        for done, _ in enumerate(mapped(copy, range(len(paths)), workers), start=1):
            progress(done, len(paths))
        writer.extra["evaluation_scenes"] = [paths[place].name for place in evaluation]


def check_published(
    published: Path, settings: Mapping[str, Any], progress: Progress = lambda done, total: None
) -> dict[str, Any]:
    """Check the published files: all of them read. Counts and sizes. Raises DatasetError."""
    shape = Geometry.of(settings).shape
    paths = _training_scenes(published)
    for done, path in enumerate(paths, start=1):
        formats.read_scene(path, shape)
        progress(done, len(paths))
    training, evaluation = split_by_file(len(paths), TRAINING_SHARE, SPLIT_SEED)
    return {
        "scenes": len(paths),
        "day": sum(path.parent.name == "day" for path in paths),
        "training_scenes": len(training),
        "evaluation_scenes": len(evaluation),
        "bytes": sum(path.stat().st_size for path in paths),
    }
