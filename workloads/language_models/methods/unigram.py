"""unigram: how often each token comes, whatever stands before it: the floor."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workloads.language_models.models import LanguageModel
from workloads.language_models.task import LanguageTask

CHUNK = 1 << 16
"""Documents that are counted at once."""


class Unigram(LanguageModel):
    """The same scores after every token."""

    def __init__(self, counts: Tensor, vocabulary: Tensor) -> None:
        super().__init__(vocabulary)
        # One more of each: what was never seen is not impossible.
        self.scores = nn.Parameter(torch.log((counts + 1) / (counts + 1).sum()).float())

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores (n, w, V)."""
        return self.scores.expand(*tokens.shape, -1)

    def begin(self, rows: int, longest: int) -> None:
        """Nothing to remember."""

    def advance(self, tokens: Tensor, memory: Any) -> Tensor:
        """Scores (n, V)."""
        return self.scores.expand(len(tokens), -1)


class UnigramTask(LanguageTask):
    """The counts of all training texts, which are the least loss there is: training leaves them where they are."""

    def build_model(self) -> Unigram:
        """Counted anew."""
        documents, vocabulary = self.documents, self.form.vocabulary
        counts = np.zeros(len(vocabulary.tokens), np.int64)
        for first in range(0, len(documents), CHUNK):
            chosen = np.arange(first, min(first + CHUNK, len(documents)))
            tokens = documents.read(chosen)[:, 1:]
            own = np.arange(1, documents.longest) < documents.lengths[chosen][:, None]
            counts += np.bincount(tokens[own], minlength=len(counts))
        return Unigram(torch.from_numpy(counts).double(), self.vocabulary_digest)
