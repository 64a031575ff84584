"""Rows of tokens that a network reads: whole documents, packed or one each, and what comes after each token."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from workloads.runtime.samples.consolidated import ConsolidatedSet
from workloads.runtime.samples.sampleset import Arrays, SampleSet

NOTHING = -1
"""The target where a row has no document."""
Integers = npt.NDArray[np.int64]
CHUNK = 1 << 16
"""Documents that are looked at at once."""


def sums_of(tokens: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint64]:
    """The products of rows of tokens (n, t) with odd random numbers, modulo 2⁶⁴ (n,)."""
    weights = np.random.default_rng(0).integers(1 << 63, size=tokens.shape[1], dtype=np.uint64) * np.uint64(2)
    sums: npt.NDArray[np.uint64] = tokens.astype(np.uint64) @ (weights + np.uint64(1))
    return sums


class Documents:
    """The documents of one part ("training" or "evaluation"), one after the other as they are stored."""

    def __init__(self, folder: Path, part: str) -> None:
        self._tokens = ConsolidatedSet(folder, part, ("tokens",))
        known = ConsolidatedSet(folder, part, ("length", "characters")).read(np.arange(len(self._tokens)))
        self.lengths: Integers = known["length"].astype(np.int64)
        """Tokens of each (n,)."""
        self.characters: Integers = known["characters"].astype(np.int64)
        """Characters of each (n,), ends of lines included; without those that every document starts with."""
        self._sums: npt.NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.lengths)

    def read(self, indices: Integers) -> npt.NDArray[np.uint16]:
        """The tokens (n, longest) of some, of which each row holds as many as ``lengths`` says, then zeros."""
        found: npt.NDArray[np.uint16] = self._tokens.read(indices)["tokens"]
        return found

    @property
    def longest(self) -> int:
        """Tokens that the longest one may have."""
        return int(self.read(np.zeros(1, np.int64)).shape[1])

    def _all_sums(self, alive: Callable[[], None]) -> npt.NDArray[np.uint64]:
        """A number of each document (n,) that two different ones hardly share, in which ``hold`` looks."""
        if self._sums is None:
            parts = []
            for first in range(0, len(self), CHUNK):
                parts.append(sums_of(self.read(np.arange(first, min(first + CHUNK, len(self))))))
                alive()
            self._sums = np.concatenate(parts)
        return self._sums

    def hold(self, tokens: npt.NDArray[np.uint16], lengths: Integers, alive: Callable[[], None]) -> list[bool]:
        """Whether each of some texts, whose tokens are given end to end (t,), is one of the documents. ``alive`` is
        called every few seconds.
        """
        padded = np.zeros((len(lengths), max(self.longest, int(lengths.max(initial=0)))), np.uint16)
        padded[np.arange(padded.shape[1]) < lengths[:, None]] = tokens
        sums = sums_of(padded[:, : self.longest])
        known = self._all_sums(alive)
        order = np.argsort(known)
        places = np.searchsorted(known, sums, sorter=order).clip(max=len(order) - 1)
        alike = order[places]
        fits = (lengths <= self.longest) & (self.lengths[alike] == lengths)
        found: list[bool] = (fits & (self.read(alike) == padded[:, : self.longest]).all(1)).tolist()
        return found


@dataclass(frozen=True)
class Plan:
    """Which documents are in which row: those at ``order[firsts[r] : firsts[r + 1]]`` in row r."""

    order: Integers
    firsts: Integers

    @staticmethod
    def one_each(count: int) -> Plan:
        """A row for each document."""
        return Plan(np.arange(count), np.arange(count + 1))

    @staticmethod
    def packed(lengths: Integers, width: int, order: Integers) -> Plan:
        """Whole documents in as few rows as best fit makes of them; ``lengths`` (n,) are what each needs.

        In that order, each goes into the fullest row that has room for it (Johnson et al. 1974, doi:10.1137/0203025).
        """
        rows: list[list[int]] = []
        # Rows by the room that they have, and as the bits of a number which rooms there are.
        having: list[list[int]] = [[] for _ in range(width + 1)]
        rooms = 0
        for document, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
            fitting = rooms >> length
            if fitting:
                room = length + (fitting & -fitting).bit_length() - 1
                row = having[room].pop()
                if not having[room]:
                    rooms ^= 1 << room
            else:
                row, room = len(rows), width
                rows.append([])
            rows[row].append(document)
            having[room - length].append(row)
            rooms |= 1 << (room - length)
        firsts = np.cumsum([0, *map(len, rows)])
        return Plan(np.fromiter((document for row in rows for document in row), np.int64, len(order)), firsts)


class Rows(SampleSet):
    """Rows of ``width`` tokens that hold whole documents: "tokens" and the "targets" after them (n, width) int64, and
    how many "characters" (n,) they stand for. A document of t tokens takes up t − 1 of a row.

    Every document begins with the same token, which is found nowhere else; it also fills what is left of a row, where
    the target is ``NOTHING``. So a row tells which tokens are of one document.
    """

    unit = "tokens"

    def __init__(self, documents: Documents, width: int, start: int, plan: Plan) -> None:
        self.documents, self.width, self.start, self.plan = documents, width, start, plan
        self._items = np.add.reduceat(documents.lengths[plan.order] - 1, plan.firsts[:-1])

    def __len__(self) -> int:
        return len(self.plan.firsts) - 1

    def items(self, indices: Integers) -> Integers:
        """Targets of each row (n,)."""
        found: Integers = self._items[indices]
        return found

    def read(self, indices: Integers, out: Arrays | None = None) -> Arrays:
        """The rows of those numbers."""
        count, firsts = len(indices), self.plan.firsts
        if out is None:
            shape = (count, self.width)
            out = {name: np.empty(shape, np.int64) for name in ("tokens", "targets")}
            out["characters"] = np.empty(count, np.int64)
        held = [self.plan.order[firsts[row] : firsts[row + 1]] for row in indices.tolist()]
        chosen = np.concatenate(held)
        stored, taken = self.documents.read(chosen), self.documents.lengths[chosen] - 1
        own = np.arange(stored.shape[1] - 1) < taken[:, None]
        filled = np.arange(self.width) < self._items[indices][:, None]
        result = {name: out[name][:count] for name in ("tokens", "targets", "characters")}
        result["tokens"][...], result["targets"][...] = self.start, NOTHING
        result["tokens"][filled], result["targets"][filled] = stored[:, :-1][own], stored[:, 1:][own]
        of_row = np.repeat(np.arange(count), [len(documents) for documents in held])
        result["characters"][...] = np.bincount(of_row, self.documents.characters[chosen], count)
        return result
