"""What every language model can do: score the tokens of rows, and go on with texts token by token."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn


class LanguageModel(nn.Module):
    """Scores (logits) of the token after each. A document of a row is scored by what it holds alone.

    ``vocabulary`` (32,), uint8, tells vocabularies apart: a model is not used with another than it was trained with.
    """

    def __init__(self, vocabulary: Tensor) -> None:
        super().__init__()
        self._vocabulary = vocabulary

    @abstractmethod
    def forward(self, tokens: Tensor) -> Tensor:
        """Scores (n, w, V) of rows (n, w)."""

    @abstractmethod
    def begin(self, rows: int, longest: int) -> Any:
        """A memory for so many texts of so many tokens at most, none of which is known yet."""

    @abstractmethod
    def advance(self, tokens: Tensor, memory: Any) -> Tensor:
        """Scores (n, V) of the token after some more of each text (n, k), which the memory then knows."""

    def get_extra_state(self) -> Tensor:
        """The vocabulary, which goes into checkpoints."""
        return self._vocabulary

    def set_extra_state(self, state: Tensor) -> None:
        """Raises RuntimeError for a state of another vocabulary."""
        if not torch.equal(state.cpu(), self._vocabulary):
            raise RuntimeError("its vocabulary is another one than that of benchmark.dataset")
