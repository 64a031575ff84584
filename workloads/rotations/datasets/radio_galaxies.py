"""radio_galaxies: sources of Fanaroff and Riley's two kinds, of the MiraBest catalogue in either published form."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from workloads.rotations.datasets.base import ImagesDataset, Labelled, averaged, validated
from workloads.rotations.making.each import draw_each
from workloads.rotations.making.radio import PIXELS, draw_source
from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published

CLASSES = ["FR I", "FR II"]
KINDS: Mapping[str, Mapping[int, int]] = {
    "confident": {0: 0, 1: 1},
    "full": {0: 0, 1: 0, 2: 0, 5: 1, 6: 1},
}
"""By version, the labels that are taken, and the class of each: of the ten of "full" those of confident FR I (standard,
wide-angle and head tails) and FR II (standard and double-double), as its authors' MBFRConfident has them.
"""
LABELS = {"confident": 2, "full": 10}
"""How many labels a version has."""
TRAINING, TEST = "data_batch_*", "test_batch"
BATCHES = 8
"""Training batches that the published form has, beside the one of test."""
ALLOWED = {
    ("numpy", "ndarray"), ("numpy", "dtype"),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    ("_codecs", "encode"),
}  # fmt: skip
"""What arrays are pickled with; a pickle that names anything else could run any program."""


class RadioGalaxiesDataset(ImagesDataset):
    """Sources in the middle of 150 x 150 pixels, of which the middle is kept."""

    SET = "radio_galaxies"
    MADE = "drawn"
    OWN = ("poses", "pixels", "crop")
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "confident": Published(
            "rotations/mirabest", 489_099, "Data/batches.tar.gz, 792 images of two labels; unpack it. No licence",
            page="github.com/fmporter/MiraBest",
        ),
        "full": Published(
            "rotations/mirabest-full", None, "MiraBest_full_batches.tar.gz, 1,256 images of ten labels; unpack it",
            page="zenodo.org/records/4288837",
        ),
    }  # fmt: skip

    @property
    def shape(self) -> tuple[int, int, int]:
        """Grey pixels."""
        pixels = int(self.settings["pixels"])
        return 1, pixels, pixels

    def classes_of(self, published: Path) -> list[str]:
        """Both kinds."""
        return CLASSES

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Drawn sources as the version "confident" has them: pickled batches, of both kinds in turn."""
        kinds = np.arange(self.settings["images"]) % len(CLASSES)
        images = draw_each(draw_source, kinds, int(self.settings["seed"]), progress, workers)
        for number, chosen in enumerate(np.array_split(np.arange(len(kinds)), BATCHES + 1), start=1):
            name = TEST if number > BATCHES else TRAINING.replace("*", str(number))
            batch = {
                "batch_label": f"batch {number} of {BATCHES + 1}",
                "labels": kinds[chosen].tolist(),
                "data": images[chosen],
                "filenames": [f"{CLASSES[kinds[image]].replace(' ', '')}_{image:05d}.png" for image in chosen],
            }
            # A fixed protocol: the same sources give the same file.
            (published / name).write_bytes(pickle.dumps(batch, protocol=4))

    def parts_of(self, published: Path, progress: Progress = tell_nobody, workers: int = 1) -> dict[str, Labelled]:
        """As published: the batches to train on, and that of test. Raises DatasetError."""
        training = [self.read(path) for path in sorted(found_in(published).glob(TRAINING))]
        test = found_in(published) / TEST
        if not (training and test.is_file()):
            raise DatasetError(f"{published} holds no {TRAINING} or no {TEST}; unpack the published archive into it")
        whole = Labelled.joined(training)
        return {"training": whole, "evaluation": self.read(test)} if self.settings["split"] == "test" else validated(
            whole
        )  # fmt: skip

    def read(self, path: Path) -> Labelled:
        """The sources of a batch; images that are empty are left out, by name. Raises DatasetError."""
        version = "confident" if self.is_stand_in else str(self.settings["version"])
        batch = read_batch(path)
        labels = np.asarray(batch["labels"], np.int64)
        if not np.isin(labels, np.arange(LABELS[version])).all():
            other = next(name for name in LABELS if name != version)
            raise DatasetError(
                f"{path}: labels are {np.unique(labels).tolist()}; expected 0 to {LABELS[version] - 1}. Is it the "
                f"other published form, benchmark.dataset.version={other}?"
            )
        images = np.asarray(batch["data"])
        if images.size != len(labels) * PIXELS**2 or images.dtype != np.uint8:
            raise DatasetError(
                f"{path}: 'data' is {images.shape} {images.dtype}; expected {len(labels)} images of "
                f"{PIXELS} x {PIXELS} bytes"
            )
        taken = np.isin(labels, list(KINDS[version]))
        names = [str(name) for name, is_taken in zip(batch["filenames"], taken, strict=True) if is_taken]
        classes = np.array([KINDS[version][label] for label in labels[taken].tolist()], np.int64)
        found = Labelled(images.reshape(-1, 1, PIXELS, PIXELS)[taken], classes).without_empty(names)
        crop = int(self.settings["crop"])
        kept = slice((PIXELS - crop) // 2, (PIXELS + crop) // 2)
        return replace(found, images=averaged(found.images[:, :, kept, kept], self.shape[1]))


def found_in(published: Path) -> Path:
    """The folder of the batches: archives hold one more."""
    inner = published / "batches"
    return inner if inner.is_dir() else published


class ArraysOnly(pickle.Unpickler):
    """Reads arrays, numbers, words, lists and tables of these."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """What arrays are made with. Raises UnpicklingError for anything else."""
        if (module_name, global_name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module_name}.{global_name}, which no array needs")
        return super().find_class(module_name, global_name)


def read_batch(path: Path) -> Mapping[str, Any]:
    """A published batch: ``labels``, ``data`` and ``filenames``. Raises DatasetError."""
    try:
        # Damaged files raise whatever the unpickler comes to.
        batch = ArraysOnly(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:
        raise DatasetError(f"{path} is not a whole batch of MiraBest: {error}; unpack it again") from error
    if not isinstance(batch, dict) or not {"labels", "data", "filenames"} <= set(batch):
        raise DatasetError(f"{path} is no batch of MiraBest; expected a table of labels, data and filenames")
    if len(batch["labels"]) != len(batch["filenames"]):
        raise DatasetError(
            f"{path}: {len(batch['labels'])} labels and {len(batch['filenames'])} file names; expected as many"
        )
    return batch
