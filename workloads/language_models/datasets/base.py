"""What all texts of language_models share: documents that are tokenised once, one a row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from orchestrator.records.checking import Count
from workloads.language_models.vocabulary import Lengths, Tokens, UnknownTokenError, Vocabulary
from workloads.runtime.dataset import FamilyDataset, Progress, tell_nobody
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import Description, Field
from workloads.runtime.samples.writer import Writer

CHUNK = 1 << 16
"""Documents that are written at once."""
ONE_OF = 20
"""Of the training texts every twentieth is that of "validation"."""


LEAST_MADE = 8
"""Texts that are made at least to measure quality on."""


class TextsDescription(Description):
    """``set`` is the data set's own name. ``made`` says what its texts are: "published" or "written".

    ``vocabulary``: every token by its number, ``start`` and ``stop`` the numbers of those around a document, ``silent``
    of those that stand for no character. ``longest``: tokens that a document may have. ``shortened``: documents that
    were cut or split.
    """

    set: str
    made: str
    vocabulary: list[str]
    start: Count
    stop: list[Count]
    silent: list[Count]
    longest: Count
    shortened: Count


@dataclass(frozen=True)
class Part:
    """Texts, the file that they are from, and where each is there: the number of its line, or of another ``unit``."""

    texts: Sequence[str]
    path: Path
    lines: Sequence[int]
    unit: str = "line"

    def chosen(self, which: npt.NDArray[np.int64]) -> Part:
        """Some of them."""
        chosen = which.tolist()
        return replace(self, texts=[self.texts[i] for i in chosen], lines=[self.lines[i] for i in chosen])

    def at_most(self, count: int | None) -> Part:
        """So many of them, evenly from all."""
        if count is None or count >= len(self.texts):
            return self
        return self.chosen(np.arange(count) * len(self.texts) // count)

    def place_of(self, document: int) -> str:
        """Where a document is, for an error."""
        return f"{self.path}, {self.unit} {self.lines[document]}"


@dataclass(frozen=True)
class Tokenised:
    """Documents' ``tokens`` end to end (t,), how many each has (n,), and how many characters each stands for (n,)."""

    tokens: Tokens
    lengths: Lengths
    characters: npt.NDArray[np.int64]
    shortened: int = 0

    def rows(self, first: int, last: int, longest: int) -> dict[str, npt.NDArray[np.generic]]:
        """The documents [first, last) as the consolidated format has them."""
        lengths = self.lengths[first:last]
        begin = int(self.lengths[:first].sum())
        padded = np.zeros((last - first, longest), np.uint16)
        padded[np.arange(longest) < lengths[:, None]] = self.tokens[begin : begin + int(lengths.sum())]
        return {
            "tokens": padded, "length": lengths.astype(np.int32),
            "characters": self.characters[first:last].astype(np.int32),
        }  # fmt: skip


class TextsDataset(FamilyDataset):
    """Samples of "tokens" (longest,) uint16, their "length" and the "characters" that they stand for, int32."""

    NAME = "language_models"
    DESCRIBED_BY = TextsDescription
    SPLITS: ClassVar[tuple[str, ...]] = ("test", "validation")
    SHARED: ClassVar[tuple[str, ...]] = (
        "source", "version", "split", "training_documents", "evaluation_documents", "longest", "longer",
    )  # fmt: skip
    MADE_OF: ClassVar[tuple[str, ...]] = ("seed", "documents")
    TYPICAL_BYTES = 60.0
    """Of a text made here."""

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """The tokens."""

    @abstractmethod
    def parts_of(self, published: Path) -> dict[str, Part]:
        """The texts of "training" and "evaluation" as published. Raises DatasetError, OSError."""

    @property
    def longest(self) -> int:
        """Tokens that a document may have."""
        return int(self.settings["longest"])

    @property
    def fields(self) -> dict[str, Field]:
        """A document."""
        return {
            "tokens": Field((self.longest,), "uint16"), "length": Field((), "int32"), "characters": Field((), "int32"),
        }  # fmt: skip

    @property
    def evaluation_made(self) -> int:
        """Texts that are made to measure quality on."""
        return max(LEAST_MADE, int(self.settings["documents"]) // 10)

    @property
    def stand_in_counts(self) -> tuple[int, int]:
        """All texts are made, and those that are wanted converted."""
        settings = self.settings
        made = int(settings["documents"]), self.evaluation_made
        wanted = settings["training_documents"] or made[0], settings["evaluation_documents"] or made[1]
        return sum(made), sum(min(pair) for pair in zip(made, wanted, strict=True))

    @property
    def stand_in_bytes(self) -> float:
        """As published and converted."""
        return sum(self.stand_in_counts) * (self.TYPICAL_BYTES + 2.0 * self.longest)

    def convert(self, published: Path, folder: Path, progress: Progress = tell_nobody, workers: int = 1) -> None:
        """Published files to the consolidated folder."""
        provenance, longest, limits = self.provenance, self.longest, self.settings
        parts = {
            name: self.tokenise(part.at_most(limits[f"{name}_documents"]), workers)
            for name, part in self.parts_of(published).items()
        }
        counts = {name: len(part.lengths) for name, part in parts.items()}
        if min(counts.values()) == 0:
            raise DatasetError(f"{published} leaves a part without documents: {counts}; more texts are needed")
        writer = Writer(folder, provenance, self.fields, counts, self.made_of, progress=progress, workers=workers)
        with writer:
            for name, part in parts.items():
                for first in range(0, counts[name], CHUNK):
                    writer.append(name, part.rows(first, min(first + CHUNK, counts[name]), longest))
            vocabulary = self.vocabulary
            writer.extra.update(
                set=self.SET,
                made="written" if self.is_stand_in else "published",
                vocabulary=list(vocabulary.tokens),
                start=vocabulary.start,
                stop=list(vocabulary.stop),
                silent=sorted(vocabulary.silent),
                longest=longest,
                shortened=sum(part.shortened for part in parts.values()),
            )

    def tokenise(self, part: Part, workers: int) -> Tokenised:
        """The tokens of a part, of documents that are not too long. Raises DatasetError, which names file and line."""
        empty = next((number for number, text in enumerate(part.texts) if not text.strip()), None)
        if empty is not None:
            raise DatasetError(f"{part.place_of(empty)}: the document is empty; remove it")
        try:
            tokens, lengths = self.encode(part.texts, workers)
        except UnknownTokenError as error:
            raise DatasetError(
                f"{part.place_of(error.document)}: {error.what!r} ({error.where}) is not among "
                f"{self.vocabulary.known}; correct or remove the document"
            ) from error
        begins = np.cumsum(lengths) - lengths
        starts = np.flatnonzero(tokens == self.vocabulary.start)
        if len(starts) > len(begins):
            within = int(np.setdiff1d(starts, begins)[0])
            raise DatasetError(
                f"{part.place_of(int(np.searchsorted(begins, within)) - 1)}: "
                f"{self.vocabulary.tokens[self.vocabulary.start]!r} stands within the document, too; make two of it"
            )
        return self.shorten(part, tokens, lengths)

    def encode(self, texts: Sequence[str], workers: int) -> tuple[Tokens, Lengths]:
        """The tokens of texts, and how many each has. Raises UnknownTokenError."""
        return self.vocabulary.encode_all(texts)

    def counted(self, tokens: Tokens, lengths: Lengths, shortened: int = 0) -> Tokenised:
        """Documents of tokens end to end, with the characters that these stand for: what is cut off, or no token has,
        nobody predicts.
        """
        of_each = self.vocabulary.characters[tokens]
        characters = np.add.reduceat(of_each, np.cumsum(lengths) - lengths, dtype=np.int64) if len(lengths) else lengths
        return Tokenised(tokens, lengths, characters, shortened)

    def shorten(self, part: Part, tokens: Tokens, lengths: Lengths) -> Tokenised:
        """No document longer than a row. Raises DatasetError if long ones are to be refused."""
        longest, longer = self.longest, self.settings["longer"]
        over = np.flatnonzero(lengths > longest)
        if not len(over):
            return self.counted(tokens, lengths)
        if longer == "refuse":
            first = int(over[0])
            raise DatasetError(
                f"{part.place_of(first)}: the document has {lengths[first]} tokens, {len(over)} have more than "
                f"benchmark.dataset.longest={longest}; set that to {int(lengths.max())}, or "
                "benchmark.dataset.longer to cut or split"
            )
        pieces = []
        # A piece that goes on with a document starts as every document does.
        step = longest - 1
        for document in np.split(tokens, np.cumsum(lengths)[:-1]):
            bodies = [document[at : at + step] for at in range(1, len(document), step)]
            kept = bodies[:1] if longer == "cut" else bodies
            pieces += [np.concatenate((document[:1], body)) for body in kept]
        return self.counted(np.concatenate(pieces), np.array([len(piece) for piece in pieces], np.int64), len(over))

    def check_published(self, published: Path, progress: Progress = tell_nobody) -> dict[str, int]:
        """Check the published files, all of them read and tokenised; counts of what is there. Raises DatasetError."""
        found: dict[str, int] = {}
        for name, part in self.parts_of(published).items():
            tokenised = self.tokenise(part, 1)
            found |= {f"{name}_documents": len(part.texts), f"{name}_tokens": int(tokenised.lengths.sum())}
        return found


def validated(training: Part) -> dict[str, Part]:
    """The parts of "validation": every twentieth training text is one to measure quality on."""
    apart = np.arange(len(training.texts)) % ONE_OF == ONE_OF - 1
    return {
        "training": training.chosen(np.flatnonzero(~apart)),
        "evaluation": training.chosen(np.flatnonzero(apart)),
    }
