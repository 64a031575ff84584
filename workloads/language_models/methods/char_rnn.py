"""char_rnn: MOSES' CharRNN, an LSTM that reads one document a row (doi:10.1021/acscentsci.7b00512)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from workloads.language_models.models import LanguageModel
from workloads.language_models.task import LanguageTask


class CharRnn(LanguageModel):
    """An embedding as wide as there are tokens, layers of LSTM, and a linear layer: moses/char_rnn/model.py."""

    def __init__(self, tokens: int, hidden: int, layers: int, dropout: float, vocabulary: Tensor) -> None:
        super().__init__(vocabulary)
        self.embedding = nn.Embedding(tokens, tokens)
        self.lstm = nn.LSTM(tokens, hidden, layers, batch_first=True, dropout=dropout)
        self.linear = nn.Linear(hidden, tokens)

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores (n, w, V)."""
        return self.go_on(tokens, None)[0]

    def go_on(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Scores (n, k, V) after more tokens, and the state that they lead to."""
        hidden, state = self.lstm(self.embedding(tokens), state)
        scores: Tensor = self.linear(hidden)
        return scores, state

    def begin(self, rows: int, longest: int) -> dict[str, Any]:
        """No state yet."""
        return {"state": None}

    def advance(self, tokens: Tensor, memory: Any) -> Tensor:
        """Scores (n, V) after the newest tokens (n, k)."""
        scores, memory["state"] = self.go_on(tokens, memory["state"])
        return scores[:, -1]


class CharRnnTask(LanguageTask):
    """An LSTM of ``model`` settings."""

    def build_model(self) -> CharRnn:
        """The network."""
        options = self.options
        return CharRnn(
            len(self.form.vocabulary.tokens), options["hidden"], options["layers"], options["dropout"],
            self.vocabulary_digest,
        )  # fmt: skip

    def computing(self, model: nn.Module) -> int:
        """All but the embedding, which is looked up."""
        assert isinstance(model, CharRnn)
        return sum(parameter.numel() for part in (model.lstm, model.linear) for parameter in part.parameters())
