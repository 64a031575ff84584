"""ngram: interpolated Kneser-Ney smoothing of the last few tokens (Chen and Goodman 1999,
doi:10.1006/csla.1999.0128).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.language_models.models import LanguageModel
from workloads.language_models.rows import Documents, Integers
from workloads.language_models.task import LanguageTask

CHUNK = 1 << 16
"""Documents that are counted at once."""


@dataclass(frozen=True)
class Grams:
    """Different grams of one order as numbers (g,), ascending, and how often each counts (g,)."""

    codes: Integers
    counts: Integers

    @staticmethod
    def of(codes: Integers, counts: Integers) -> Grams:
        """Those of one code counted together."""
        different, which = np.unique(codes, return_inverse=True)
        return Grams(different, np.bincount(which, counts, len(different)).astype(np.int64))

    def followed_by(self, other: Grams) -> Grams:
        """Both together."""
        return Grams.of(np.concatenate((self.codes, other.codes)), np.concatenate((self.counts, other.counts)))


NONE = Grams(np.zeros(0, np.int64), np.zeros(0, np.int64))


def count_grams(documents: Documents, order: int, size: int) -> tuple[Grams, list[Grams]]:
    """All grams of the order, and for each lower one, from 1 on, those that documents begin with; ``size`` tokens.

    Of order 1 the token that starts every document is none of them: it follows nothing.
    """
    whole, beginning = NONE, [NONE] * (order - 1)
    for first in range(0, len(documents), CHUNK):
        chosen = np.arange(first, min(first + CHUNK, len(documents)))
        tokens, lengths = documents.read(chosen).astype(np.int64), documents.lengths[chosen]
        for lower in range(2, order):
            begin = tokens[lengths >= lower, :lower] @ size ** np.arange(lower - 1, -1, -1)
            beginning[lower - 1] = beginning[lower - 1].followed_by(Grams.of(begin, np.ones(len(begin), np.int64)))
        if order == 1:
            tokens, lengths = tokens[:, 1:], lengths - 1
        places = tokens.shape[1] - order + 1
        if places < 1:
            continue
        codes = sum(tokens[:, at : at + places] * size ** (order - 1 - at) for at in range(order))
        own = np.asarray(codes)[np.arange(places) + order <= lengths[:, None]]
        whole = whole.followed_by(Grams.of(own, np.ones(len(own), np.int64)))
    return whole, beginning


def adjusted_counts(documents: Documents, order: int, size: int) -> list[Grams]:
    """The grams of each order from 1 on. Lower ones count the different tokens before them, and where they begin a
    document, how often they do.
    """
    whole, beginning = count_grams(documents, order, size)
    found = [whole]
    for lower in range(order - 1, 0, -1):
        shorter = found[0].codes % size**lower
        found.insert(0, Grams.of(shorter, np.ones(len(shorter), np.int64)).followed_by(beginning[lower - 1]))
    return found


class Table(nn.Module):
    """What follows each context of one order: of ``contexts`` (c,) the ``totals`` and how many ``kinds`` (c,), and the
    tokens with their counts from ``firsts`` on.
    """

    contexts: Tensor
    totals: Tensor
    kinds: Tensor
    firsts: Tensor
    tokens: Tensor
    counts: Tensor

    def __init__(self, grams: Grams, size: int) -> None:
        super().__init__()
        contexts, first, kinds = np.unique(grams.codes // size, return_index=True, return_counts=True)
        totals = np.add.reduceat(grams.counts, first) if len(first) else np.zeros(0, np.int64)
        once, twice = int((grams.counts == 1).sum()), int((grams.counts == 2).sum())
        self.discount = once / (once + 2 * twice) if once else 0.5
        """Ney, Essen and Kneser 1994."""
        arrays = {
            "contexts": contexts, "totals": totals, "kinds": kinds, "firsts": np.append(first, len(grams.codes)),
            "tokens": grams.codes % size, "counts": grams.counts,
        }  # fmt: skip
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(array, np.int64)), persistent=False)

    def interpolate(self, contexts: Tensor, lower: Tensor) -> Tensor:
        """The probabilities (m, V) after contexts (m,), from those of one token less; as they are where it is new."""
        if not len(self.contexts):
            return lower
        places = torch.searchsorted(self.contexts, contexts).clamp_max(len(self.contexts) - 1)
        known = torch.nonzero(self.contexts[places] == contexts).squeeze(1)
        at = places[known]
        totals, kinds = self.totals[at].float(), self.kinds[at]
        kept = torch.ones(len(contexts), device=lower.device).index_put((known,), self.discount * kinds / totals)
        rows = torch.repeat_interleave(torch.arange(len(known), device=lower.device), kinds)
        within = torch.arange(len(rows), device=lower.device) - torch.repeat_interleave(kinds.cumsum(0) - kinds, kinds)
        found = torch.repeat_interleave(self.firsts[at], kinds) + within
        seen = (self.counts[found] - self.discount).clamp_min(0) / totals[rows]
        return (kept[:, None] * lower).index_put((known[rows], self.tokens[found]), seen, accumulate=True)


class Ngram(LanguageModel):
    """Tables of all orders. What never was counted is divided among all tokens by ``base`` (V,), which training may
    move: it starts as an even share.
    """

    def __init__(self, grams: list[Grams], size: int, vocabulary: Tensor) -> None:
        super().__init__(vocabulary)
        self.size, self.order = size, len(grams)
        self.tables = [Table(each, size) for each in grams]
        # So that they go to a device with the rest.
        self.held = nn.ModuleList(self.tables)
        self.base = nn.Parameter(torch.zeros(size))

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores (n, w, V): logarithms of probabilities."""
        # What stands before a document is no token.
        before = functional.pad(tokens, (self.order - 2, 0), value=-1) if self.order > 1 else tokens
        windows = before.unfold(1, max(1, self.order - 1), 1)
        return self.score(windows.flatten(0, 1)).view(*tokens.shape, -1)

    def score(self, windows: Tensor) -> Tensor:
        """Scores (m, V) after the last tokens (m, order - 1)."""
        share = self.base.softmax(0).expand(len(windows), -1)
        found = self.tables[0].interpolate(windows.new_zeros(len(windows)), share)
        for length, table in enumerate(self.tables[1:], start=1):
            last = windows[:, -length:]
            codes = last[:, 0]
            for column in range(1, length):
                codes = codes * self.size + last[:, column]
            found = table.interpolate(torch.where((last >= 0).all(1), codes, -1), found)
        return found.clamp_min(1e-30).log()

    def begin(self, rows: int, longest: int) -> dict[str, Tensor | None]:
        """Nothing stands before."""
        return {"tokens": None}

    def advance(self, tokens: Tensor, memory: Any) -> Tensor:
        """Scores (n, V) after the newest tokens (n, k)."""
        width = max(1, self.order - 1)
        before = tokens.new_full((len(tokens), width), -1) if memory["tokens"] is None else memory["tokens"]
        memory["tokens"] = torch.cat((before, tokens), dim=1)[:, -width:]
        return self.score(memory["tokens"])


class NgramTask(LanguageTask):
    """The counts of all training texts: training hardly moves what never was counted."""

    def build_model(self) -> Ngram:
        """Counted anew."""
        size, order = len(self.form.vocabulary.tokens), int(self.options["order"])
        return Ngram(adjusted_counts(self.documents, order, size), size, self.vocabulary_digest)
