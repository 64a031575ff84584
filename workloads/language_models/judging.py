"""Whether a text that a model wrote is a good one: whether it ends, is written with characters alone, and passes the
tests of its data set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from workloads.language_models.forms import Form
from workloads.language_models.generation import cut_at_end


@dataclass(frozen=True)
class Judged:
    """A text that was written. ``ended``: whether it comes to an end. ``silent`` is the first token after its start
    that stands for no character, such as "<pad>"; None if there is none. ``verdicts`` by test: of a text that does not
    end, or has such a token, none is passed.
    """

    text: str
    ended: bool
    silent: str | None
    verdicts: Mapping[str, bool]

    @property
    def faults(self) -> list[str]:
        """What is wrong with it, in words; nothing of a valid text."""
        if not self.ended:
            return ["no end"]
        if self.silent is not None:
            return [f"{self.silent} within"]
        return [test for test, passed in self.verdicts.items() if not passed]


def judge_tokens(form: Form, tokens: npt.NDArray[np.integer]) -> Judged:
    """The text of tokens (t,), up to its end if it has one, with its verdicts."""
    vocabulary = form.vocabulary
    whole = cut_at_end(tokens, vocabulary.stop)
    kept = (tokens if whole is None else whole).tolist()
    text = vocabulary.decode(kept)
    silent = next((vocabulary.tokens[token] for token in kept[1:] if token in vocabulary.silent), None)
    unfit = whole is None or silent is not None
    return Judged(text, whole is not None, silent, dict.fromkeys(form.tests, False) if unfit else form.judge(text))
