"""Texts that a model writes, token by token: the same ones for any number of ranks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from workloads.language_models.models import LanguageModel
from workloads.language_models.vocabulary import Vocabulary
from workloads.runtime.samples.sampleset import Arrays, SampleSet


class Requests(SampleSet):
    """Texts to be written, each with the "uniform" numbers (n, longest) in [0, 1) that its tokens are drawn by.

    They depend on the seed and the text's number alone.
    """

    unit = "texts"

    def __init__(self, count: int, longest: int, seed: int) -> None:
        self.count, self.longest, self.seed = count, longest, seed

    def __len__(self) -> int:
        return self.count

    def read(self, indices: npt.NDArray[np.int64], out: Arrays | None = None) -> Arrays:
        """The numbers for texts."""
        drawn = {"uniform": np.stack([np.random.default_rng([self.seed, i]).random(self.longest) for i in indices])}
        if out is None:
            return drawn
        out["uniform"][: len(indices)] = drawn["uniform"]
        return {"uniform": out["uniform"][: len(indices)]}


@dataclass(frozen=True)
class Writing:
    """How texts are written: scores are divided by ``temperature``, and only the ``top_k`` likeliest tokens drawn from.

    ``prompt`` (p,) are the tokens that every text begins with. ``stops``: writing ends when every text has.
    """

    vocabulary: Vocabulary
    prompt: Tensor
    temperature: float = 1.0
    top_k: int | None = None
    stops: bool = True

    def write(self, model: LanguageModel, uniform: Tensor) -> Tensor:
        """Texts (n, t) by the numbers that their tokens are drawn by (n, longest); after its end a text may go on."""
        rows, longest = uniform.shape
        tokens = self.prompt.to(uniform.device).expand(rows, -1)
        # Once for all tokens: a copy from the host makes the device wait.
        stop = torch.tensor(self.vocabulary.stop, device=uniform.device)
        ended = torch.zeros(rows, dtype=torch.bool, device=uniform.device)
        memory, new = model.begin(rows, longest), tokens
        while tokens.shape[1] < longest and not (self.stops and bool(ended.all())):
            scores = model.advance(new, memory)
            new = self.draw(scores, uniform[:, tokens.shape[1]])[:, None]
            tokens = torch.cat((tokens, new), dim=1)
            if self.stops:
                ended |= have_ended(tokens, stop)
        return tokens

    def draw(self, scores: Tensor, uniform: Tensor) -> Tensor:
        """A token of each row (n,) by its scores (n, V) and a number (n,) in [0, 1)."""
        sharpened = scores.float() / self.temperature
        if self.top_k is not None and self.top_k < sharpened.shape[1]:
            least = sharpened.topk(self.top_k, dim=1).values[:, -1:]
            sharpened = sharpened.masked_fill(sharpened < least, -torch.inf)
        reached = sharpened.softmax(1).double().cumsum(1)
        # Of probability 0 none is drawn, not even by the number 0; the last one's sum is not always 1.
        return (reached <= uniform[:, None] * reached[:, -1:]).sum(1).clamp_max(scores.shape[1] - 1)


def have_ended(tokens: Tensor, stop: Tensor) -> Tensor:
    """Whether the newest tokens of each text (n, t) are those that stop it (s,): (n,)."""
    if tokens.shape[1] < len(stop):
        return torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
    return (tokens[:, -len(stop) :] == stop).all(1)


def cut_at_end(tokens: npt.NDArray[np.integer], stop: tuple[int, ...]) -> npt.NDArray[np.integer] | None:
    """A text (t,) up to what stops it, without that; None if nothing does."""
    stops = np.ones(max(0, len(tokens) - len(stop) + 1), bool)
    for place, token in enumerate(stop):
        stops &= tokens[place : place + len(stops)] == token
    ends = np.flatnonzero(stops)
    return tokens[: int(ends[0])] if len(ends) else None
