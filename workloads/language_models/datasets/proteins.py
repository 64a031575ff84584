"""proteins: sequences of amino acids in FASTA."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from workloads.language_models.datasets.base import Part, TextsDataset, validated
from workloads.language_models.forms import FORMS
from workloads.language_models.making.proteins import write_proteins
from workloads.language_models.vocabulary import Vocabulary
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.packed import read_packed
from workloads.runtime.publication.published import Published, Wheel

GENOME, UNIREF = "938293.PRJEB85.HG003687.faa", "uniref50.fasta.gz"
WHEELS, WITHIN = "pyhmmer-*.whl", f"pyhmmer/tests/data/seqs/{GENOME}"
"""The wheel that holds the proteins of a genome, and where in it."""
WHEEL_FILES = {
    WITHIN: "7190c967978a9921f69dadc710db2d826b41ec738894bf51c1d439106d0a4a08",
    "pyhmmer-0.12.3.dist-info/licenses/COPYING": "70a1e68aa1c12b73e5a213353ca36de7e72e539d86983bc2164c8903c11df344",
}
"""What is taken of it, with SHA-256: the proteins, and under which licence."""
LARGEST = 1 << 30
"""Bytes of a file, packed or not."""
TENTH = 10
"""Every tenth protein is that of "test": nobody publishes a split."""
WIDTH = 60
"""Letters of a line that is written here."""


class ProteinsDataset(TextsDataset):
    """One protein a document; the sign of its end in FASTA, "*", is left out."""

    SET = "proteins"
    TYPICAL_BYTES = 400.0
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "pyhmmer": Published(
            "language_models/proteins", 982_643,
            "2,100 proteins of a bacterium's genome, with the licence (MIT) of the package that holds them",
            wheel=Wheel("pyhmmer==0.12.3", WHEEL_FILES),
        ),
        "uniref50": Published(
            "language_models/uniref50", None, f"{UNIREF} (CC BY 4.0)", page="www.uniprot.org/help/downloads"
        ),
    }  # fmt: skip

    @property
    def vocabulary(self) -> Vocabulary:
        """Letters of amino acids."""
        return FORMS[self.SET].vocabulary

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Families of proteins in one FASTA file."""
        count = int(self.settings["documents"]) + self.evaluation_made
        with (published / GENOME).open("w", encoding="ascii") as file:
            for number, protein in enumerate(write_proteins(int(self.settings["seed"]), count)):
                lines = [protein[at : at + WIDTH] for at in range(0, len(protein), WIDTH)]
                file.write("\n".join([f">made_{number}", *lines, ""]))
        progress(count, count)

    def parts_of(self, published: Path) -> dict[str, Part]:
        """Every tenth protein apart; of "validation" every twentieth of the others. Raises DatasetError."""
        version = str(self.settings["version"])
        whole = read_fasta(published, UNIREF if version == "uniref50" else GENOME)
        apart = np.arange(len(whole.texts)) % TENTH == TENTH - 1
        training = whole.chosen(np.flatnonzero(~apart))
        if self.settings["split"] == "validation":
            return validated(training)
        return {"training": training, "evaluation": whole.chosen(np.flatnonzero(apart))}


def read_fasta(published: Path, name: str) -> Part:
    """The proteins of a FASTA file, packed or not, or of the wheel that holds it. Raises DatasetError."""
    shipped, file = (WHEELS, WITHIN) if name == GENOME else (), published / name
    if file.is_file() and file.stat().st_size > LARGEST:
        raise DatasetError(
            f"{file} has {file.stat().st_size:,} bytes; it is read as a whole, in up to 17 times as much memory, "
            f"so that {LARGEST:,} are the most: put a part of it there, such as gzip's of its first lines"
        )
    path, content = read_packed(published, name, "file of proteins", *shipped)
    text = content.decode("utf-8", "replace")
    lines = text.splitlines()
    headers = [number for number, line in enumerate(lines) if line.startswith(">")]
    if not headers or headers[0] != 0:
        raise DatasetError(f"{path}: the first line is {text[:20]!r}; expected one of FASTA, which begins with '>'")
    bounds = zip(headers, [*headers[1:], len(lines)], strict=True)
    proteins = ["".join(lines[first + 1 : last]).rstrip("*") for first, last in bounds]
    return Part(proteins, path, [header + 1 for header in headers])
