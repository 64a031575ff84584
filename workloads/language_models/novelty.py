"""Whether texts that a model writes are known: whether a document that was trained on means the same."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from workloads.language_models.forms import Form
from workloads.language_models.grammar.likeness import Keys
from workloads.language_models.rows import Documents, Integers

CHUNK = 1 << 16
"""Documents that are looked at at once."""
FEW = 1 << 10
"""Documents whose meaning is found out without a sign of life."""


class Known:
    """The documents that are trained on, among which the meaning of others is looked for.

    Of MOSES' 1.58 million molecules the likenesses leave 190,000 where 30,000 are asked for, to be told apart by their
    identity: 38 s of processor time in all, and 3 s for 1,000 (AMD EPYC).
    """

    def __init__(self, documents: Documents, form: Form) -> None:
        self.documents, self.form = documents, form
        vocabulary = form.vocabulary
        self._codes = np.array(
            [0 if number in vocabulary.silent else ord(token[0]) for number, token in enumerate(vocabulary.tokens)],
            np.uint8,
        )
        self._identities: dict[int, Hashable] = {}
        """Of documents that were looked at, by their number; None of those that mean nothing."""

    def hold(self, texts: Sequence[str], alive: Callable[[], None]) -> list[bool]:
        """Whether each of some valid texts means what a document does. ``alive`` is called every few seconds.

        What a model writes may be valid and yet not what its text's tokens are, such as a space group with a blank
        before its line's end. No document is so.
        """
        written = [text for text in texts if self.form.vocabulary.can_encode(text)]
        known = dict(zip(written, self.look_up(written, alive), strict=True)) if written else {}
        return [known.get(text, False) for text in texts]

    def look_up(self, texts: Sequence[str], alive: Callable[[], None]) -> list[bool]:
        """The same of texts that are written with the vocabulary's tokens."""
        tokens, lengths = self.form.vocabulary.encode_all(texts)
        if not self.form.likeness:
            return self.documents.hold(tokens, lengths, alive)
        width = max(self.documents.longest, int(lengths.max(initial=0)))
        padded = np.zeros((len(lengths), width), np.uint16)
        padded[np.arange(width) < lengths[:, None]] = tokens
        asked = self.codes(padded, lengths)
        alike = np.arange(len(self.documents))
        for number, likeness in enumerate(self.form.likeness):
            found = self._firsts if number == 0 else self.keys(likeness, alike)
            alive()
            alike = alike[np.isin(found, likeness(asked))]
        unknown = alike[[document not in self._identities for document in alike.tolist()]]
        for first in range(0, len(unknown), FEW):
            self.remember(unknown[first : first + FEW])
            alive()
        known = {self._identities[document] for document in alike.tolist()}
        return [self.form.identity_of(text) in known for text in texts]

    @functools.cached_property
    def _firsts(self) -> Keys:
        """The first likeness's numbers of all documents (n,)."""
        return self.keys(self.form.likeness[0], np.arange(len(self.documents)))

    def keys(self, likeness: Callable[[npt.NDArray[np.uint8]], Keys], chosen: Integers) -> Keys:
        """A likeness's numbers of some documents (n,)."""

        def parts() -> Iterator[Keys]:
            for first in range(0, len(chosen), CHUNK):
                some = chosen[first : first + CHUNK]
                yield likeness(self.codes(self.documents.read(some), self.documents.lengths[some]))

        return np.concatenate([np.zeros(0, np.uint64), *parts()])

    def codes(self, tokens: npt.NDArray[np.uint16], lengths: Integers) -> npt.NDArray[np.uint8]:
        """The characters (n, w) in ASCII of documents; 0 where there is none."""
        found: npt.NDArray[np.uint8] = self._codes[tokens]
        found[np.arange(tokens.shape[1]) >= lengths[:, None]] = 0
        return found

    def remember(self, chosen: Integers) -> None:
        """What some documents mean."""
        rows, lengths = self.documents.read(chosen), self.documents.lengths[chosen].tolist()
        for document, row, length in zip(chosen.tolist(), rows, lengths, strict=True):
            self._identities[document] = None
            with suppress(ValueError):
                self._identities[document] = self.form.identity_of(self.form.vocabulary.decode(row[:length].tolist()))
