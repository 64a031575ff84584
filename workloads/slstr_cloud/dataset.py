"""The slstr_cloud data set on disk: where it lives, how it is made, checked and converted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from workloads.runtime.dataset import ConsolidatedDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples.consolidated import Description, Field
from workloads.runtime.samples.parallel import map_in_threads
from workloads.runtime.samples.processes import process_pool
from workloads.runtime.samples.writer import Writer
from workloads.slstr_cloud import formats
from workloads.slstr_cloud.geometry import Geometry, split_by_file

TRAINING_SHARE, SPLIT_SEED = 0.8, 42
"""As in the published loaders."""
TRAINING_FOLDERS = ("training", "one-day")
"""Where the published set keeps its training scenes; the others ("inference", "ssts") belong to buoy measurements."""
SCENE_PIXEL_BYTES = 120
"""What a pixel takes, as published and converted."""


class SlstrCloudDescription(Description, total=False):
    """``evaluation_scenes`` are the names of those kept for evaluation."""

    evaluation_scenes: list[str]


class SlstrCloudDataset(ConsolidatedDataset):
    """Scenes with their cloud masks: patches to train on, whole scenes to evaluate on."""

    NAME = "slstr_cloud"
    DESCRIBED_BY = SlstrCloudDescription
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "cloud_slstr_ds1": Published(
            "sciml-datasets/es/cloud_slstr_ds1", 187_000_000_000, "970 scenes for training, 100 at sea-surface buoys"
        )
    }
    SPLITS = ("file",)
    MADE_OF = ("source", "version", "split", "height", "width", "patch", "crop")

    @property
    def geometry(self) -> Geometry:
        """Of scenes and patches. Raises DatasetError."""
        return Geometry.of(self.settings)

    @property
    def fields(self) -> dict[str, Field]:
        """A patch and its mask."""
        return _fields(self.geometry.patch, self.geometry.patch)

    @property
    def evaluation_fields(self) -> dict[str, Field]:
        """A whole scene and its mask."""
        return _fields(*self.geometry.shape)

    @property
    def made_of(self) -> dict[str, object]:
        """All settings that the data depend on, none of which may be missing."""
        keys = (*self.MADE_OF, *(("seed", "scenes") if self.is_stand_in else ()))
        try:
            return {key: self.settings[key] for key in keys}
        except KeyError as error:
            raise DatasetError(f"dataset settings lack {error}; expected {keys}") from error

    @property
    def published_variant(self) -> str:
        """Scenes are cut into patches when they are converted."""
        return f"-patch{self.settings['patch']}"

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """Scenes."""
        return int(self.settings["scenes"]), int(self.settings["scenes"])

    @property
    def stand_in_bytes(self) -> float:
        """About."""
        height, width = self.geometry.shape
        return float(SCENE_PIXEL_BYTES * self.settings["scenes"] * height * width)

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """The stand-in scenes in the published layout."""
        shape, seed, scenes = self.geometry.shape, int(self.settings["seed"]), int(self.settings["scenes"])
        if scenes < 2:
            raise DatasetError(f"dataset.scenes is {scenes}; expected at least 2, for training and for evaluation")
        with process_pool(workers) as pool:
            jobs = [pool.submit(write_stand_in, published, shape, seed, number) for number in range(scenes)]
            for done, job in enumerate(jobs, start=1):
                job.result()
                progress(done, scenes)

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published scenes to the consolidated folder: four in five of the files as patches, the others whole."""
        geometry = self.geometry
        paths = _training_scenes(published)
        training, evaluation = split_by_file(len(paths), TRAINING_SHARE, SPLIT_SEED)
        counts = {"training": len(training) * geometry.training_patches, "evaluation": len(evaluation)}
        if not all(counts.values()):
            raise DatasetError(f"{published} holds {len(paths)} scenes; expected at least 2")
        writer = Writer(
            folder, self.provenance, self.fields, counts, self.made_of,
            shards=1, evaluation_fields=self.evaluation_fields, workers=workers,
        )  # fmt: skip

        def copy(number: int) -> None:
            held_out = number - len(training)
            path = paths[training[number] if held_out < 0 else evaluation[held_out]]
            scene = formats.read_scene(path, geometry.shape)
            images, masks = formats.normalise_scene(scene), formats.label_mask(scene)
            if held_out < 0:
                arrays = {"input": geometry.cut(images), "target": geometry.cut(masks)}
                writer.write("training", number * geometry.training_patches, arrays)
            else:
                writer.write("evaluation", held_out, {"input": images[None], "target": masks[None]})

        with writer:
            for done, _ in enumerate(map_in_threads(copy, range(len(paths)), workers), start=1):
                progress(done, len(paths))
            writer.extra["evaluation_scenes"] = [paths[place].name for place in evaluation]

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files: all of them read. Counts and sizes. Raises DatasetError."""
        shape = self.geometry.shape
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


def _fields(height: int, width: int) -> dict[str, Field]:
    return {
        "input": Field((height, width, formats.CHANNELS), formats.STORED),
        "target": Field((height, width), "uint8"),
    }


def write_stand_in(published: Path, shape: tuple[int, int], seed: int, number: int) -> None:
    """Simulate one scene and write its file; it depends on the seed and its number alone. Three of five are by day."""
    import numpy as np

    from workloads.slstr_cloud.simulation import simulate_scene

    scene = simulate_scene(shape, number % 5 < 3, np.random.default_rng([seed, number]))
    minutes, part = 3 * number, "day" if scene.day else "night"
    start = f"{minutes // 60 % 24:02d}{minutes % 60:02d}00"
    name = f"S3A_SL_1_RBT____20200101T{start}_stand_in_{number:06d}.hdf"
    formats.write_scene(published / "training" / part / name, scene.arrays)


def _training_scenes(published: Path) -> list[Path]:
    for name in TRAINING_FOLDERS:
        if (published / name).is_dir():
            return formats.scene_files(published / name)
    return formats.scene_files(published)
