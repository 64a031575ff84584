"""Tokens of texts: which there are, and the numbers of a text's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.uint16]
Lengths = npt.NDArray[np.int64]
BYTES = 256


class UnknownTokenError(ValueError):
    """A text holds what is no token. ``document`` is the text's number, ``what`` the token."""

    def __init__(self, document: int, what: str) -> None:
        super().__init__(f"{what!r} is no token")
        self.document, self.what = document, what


@dataclass(frozen=True)
class Vocabulary:
    """All ``tokens`` by their number, the token that every document starts with, and those that stop it, in a row.

    ``silent`` tokens, such as "<bos>", stand for no character.
    """

    tokens: tuple[str, ...]
    start: int
    stop: tuple[int, ...]
    silent: frozenset[int] = frozenset()

    def encode_all(self, texts: Sequence[str]) -> tuple[Tokens, Lengths]:
        """The tokens of all texts end to end (t,), start and stop included, and how many each has (n,).

        Raises UnknownTokenError.
        """
        raise NotImplementedError

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of tokens, without what is silent."""
        return "".join(self.tokens[token] for token in tokens if token not in self.silent)


class Characters(Vocabulary):
    """One token for each of some ASCII characters, and MOSES' four others: <bos>, <eos>, <pad> and <unk>.

    The numbers are those of MOSES' CharVocab: characters in their order, then the others. A document is
    <bos>, its characters, <eos>; the other two are never trained on, and are there for the network's published size.
    """

    def __init__(self, characters: str) -> None:
        ordered = sorted(characters)
        first = len(ordered)
        super().__init__(
            (*ordered, "<bos>", "<eos>", "<pad>", "<unk>"), first, (first + 1,), frozenset(range(first, first + 4))
        )

    def encode_all(self, texts: Sequence[str]) -> tuple[Tokens, Lengths]:
        """A table look-up of all characters at once: 1.6 million molecules take a second."""
        table = np.full(BYTES, BYTES, np.uint16)
        for number, token in enumerate(self.tokens[: self.start]):
            table[ord(token)] = number
        # Each text with its end and the next one's start between: line ends, which are then overwritten.
        joined = np.frombuffer(("\n\n".join(["", *texts, ""])[1:-1]).encode("latin-1", "replace"), np.uint8)
        tokens = table[joined]
        lengths = np.fromiter(map(len, texts), np.int64, len(texts)) + 2
        ends = np.cumsum(lengths)
        tokens[ends - lengths], tokens[ends - 1] = self.start, self.stop[0]
        unknown = np.flatnonzero(tokens == BYTES)
        if len(unknown):
            document = int(np.searchsorted(ends, unknown[0], "right"))
            place = int(unknown[0] - (ends[document] - lengths[document]) - 1)
            raise UnknownTokenError(document, texts[document][place])
        return tokens, lengths
