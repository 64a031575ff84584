"""molecules: SMILES strings of MOSES (Polykovskiy et al. 2020, doi:10.3389/fphar.2020.565644)."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from workloads.language_models.datasets.base import Part, TextsDataset, validated
from workloads.language_models.forms import FORMS
from workloads.language_models.making.molecules import KEPT_APART, write_molecules
from workloads.language_models.vocabulary import Vocabulary
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.packed import read_packed
from workloads.runtime.publication.published import Published, Wheel

HEADER = "SMILES"
FILES = {"training": "train.csv.gz", "test": "test.csv.gz", "scaffolds": "test_scaffolds.csv.gz"}
WHEELS, WITHIN = "molsets-*.whl", "moses/dataset/data/"
"""The wheel that holds the tables, and where in it."""
WHEEL_FILES = {
    f"{WITHIN}train.csv.gz": "786f0313aa6b9ba5514df685f885742a70ea8d86f1a4fa48115f7f80a634265c",
    f"{WITHIN}test.csv.gz": "f896fbf3764f88d94670b9959e5872c600c12152a18233823e820761b7a791b2",
    f"{WITHIN}test_scaffolds.csv.gz": "adffb2192c1bfe31ab0e13154d4af19a37dc18bdbf3cd7b4491e04405128adde",
    "molsets-0.3.1.dist-info/LICENSE": "9a40669143195de51e7d0ccee88f0d6b4f3d1da91c5a091293e26d128a02d042",
}
"""What is taken of it, with SHA-256: the tables, and under which licence."""


class MoleculesDataset(TextsDataset):
    """One molecule a document."""

    SET = "molecules"
    SPLITS: ClassVar[tuple[str, ...]] = ("test", "scaffolds", "validation")
    TYPICAL_BYTES = 40.0
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "moses": Published(
            "language_models/moses", 12_881_715,
            "1,936,962 molecules in MOSES' own split, with the licence (MIT) of the package that holds them",
            wheel=Wheel("molsets==0.3.1", WHEEL_FILES),
        ),
    }  # fmt: skip

    @property
    def vocabulary(self) -> Vocabulary:
        """The characters of MOSES."""
        return FORMS[self.SET].vocabulary

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Molecules made of fragments in MOSES' three tables; "scaffolds" has rings that the others lack."""
        seed, count = int(self.settings["seed"]), int(self.settings["documents"])
        apart = self.evaluation_made
        whole = write_molecules(seed, "training and test", count + apart)
        tables = {
            "training": whole[:count], "test": whole[count:],
            "scaffolds": write_molecules(seed, "scaffolds", apart, KEPT_APART),
        }  # fmt: skip
        for name, molecules in tables.items():
            text = "\n".join([HEADER, *molecules, ""])
            # A fixed time: the same molecules give the same file.
            (published / FILES[name]).write_bytes(gzip.compress(text.encode(), mtime=0))
        progress(count + apart, count + apart)

    def parts_of(self, published: Path) -> dict[str, Part]:
        """As published; of "validation" the training molecules alone. Raises DatasetError."""
        split = str(self.settings["split"])
        training = read_table(published, FILES["training"])
        if split == "validation":
            return validated(training)
        return {"training": training, "evaluation": read_table(published, FILES[split])}


def read_table(published: Path, name: str) -> Part:
    """The molecules of a table, or of the wheel that holds it. Raises DatasetError."""
    path, content = read_packed(published, name, "table of molecules", WHEELS, WITHIN + name)
    text = content.decode("utf-8", "replace")
    header, *molecules = text.splitlines() or [""]
    if header != HEADER:
        raise DatasetError(f"{path}: the first line is {header[:40]!r}; expected {HEADER!r}")
    return Part(molecules, path, range(2, len(molecules) + 2))
