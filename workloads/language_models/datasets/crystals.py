"""crystals: CIF texts of CrystaLLM (Antunes et al. 2024, doi:10.1038/s41467-024-54639-7)."""

from __future__ import annotations

import gzip
import io
import pickle
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from workloads.language_models.datasets.base import Part, TextsDataset, validated
from workloads.language_models.forms import FORMS
from workloads.language_models.making.crystals import write_crystals
from workloads.language_models.vocabulary import START, Vocabulary
from workloads.runtime.dataset import Progress
from workloads.runtime.errors import DatasetError
from workloads.runtime.publication.packed import unpack
from workloads.runtime.publication.published import Published

FILES = {"training": "cifs_v1_train.pkl.gz", "validation": "cifs_v1_val.pkl.gz", "test": "cifs_v1_test.pkl.gz"}


class CrystalsDataset(TextsDataset):
    """One crystal a document: its CIF's lines without blanks around them, and an empty line."""

    SET = "crystals"
    TYPICAL_BYTES = 900.0
    PUBLISHED: ClassVar[Mapping[str, Published]] = {
        "crystallm-1": Published(
            "language_models/crystallm", 319_400_000,
            f"{', '.join(FILES.values())}: 2,285,719 crystals in CrystaLLM's own split (CC BY 4.0)",
            page="zenodo.org/records/10642388",
        ),
    }  # fmt: skip

    @property
    def vocabulary(self) -> Vocabulary:
        """CrystaLLM's tokens."""
        return FORMS[self.SET].vocabulary

    def write_published(self, published: Path, progress: Progress, workers: int) -> None:
        """Prototypes with other elements, in CrystaLLM's archives."""
        seed, count, apart = int(self.settings["seed"]), int(self.settings["documents"]), self.evaluation_made
        whole = write_crystals(seed, count + apart)
        for part, texts in {"training": whole[:count], "test": whole[count:]}.items():
            pairs = [(f"{part}-{number}", text) for number, text in enumerate(texts)]
            # A fixed time and protocol: the same crystals give the same file.
            (published / FILES[part]).write_bytes(gzip.compress(pickle.dumps(pairs, protocol=4), 1, mtime=0))
        progress(count + apart, count + apart)

    def parts_of(self, published: Path) -> dict[str, Part]:
        """As published; of what is made here "validation" is a part of the training crystals. Raises DatasetError."""
        split = str(self.settings["split"])
        training = read_archive(published / FILES["training"])
        if split == "validation" and self.is_stand_in:
            return validated(training)
        return {"training": training, "evaluation": read_archive(published / FILES[split])}


class TextsOnly(pickle.Unpickler):
    """Reads texts, numbers, lists and tuples of these."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Raises UnpicklingError: no text needs any."""
        raise pickle.UnpicklingError(f"it names {module_name}.{global_name}, which no text needs")


def read_archive(path: Path) -> Part:
    """The crystals of a pickled list of pairs (id, CIF), as the lines that are trained on. Raises DatasetError."""
    if not path.is_file():
        raise DatasetError(f"{path} does not exist; get it from zenodo.org/records/10642388")
    try:
        # Damaged files raise whatever the unpickler comes to.
        pairs = TextsOnly(io.BytesIO(unpack(path.read_bytes()))).load()
        texts = [lines_of(text) for _, text in pairs]
    except (OSError, EOFError, zlib.error) as error:
        raise DatasetError(f"{path} is not a whole archive: {error}; get it again") from error
    except Exception as error:
        raise DatasetError(f"{path} holds no list of pairs of a name and a CIF: {error}; get it again") from error
    for number, text in enumerate(texts):
        if text.strip() and not text.startswith(START):
            raise DatasetError(f"{path}, structure {number}: it begins with {text[:20]!r}; expected {START!r}")
    return Part(texts, path, range(len(texts)), "structure")


def lines_of(text: str) -> str:
    """A CIF's lines without blanks around, empty ones, comments and pymatgen's name: what CrystaLLM trains on."""
    lines = (line.strip() for line in text.split("\n"))
    return "\n".join([*(line for line in lines if line and line[0] != "#" and "pymatgen" not in line), ""])
