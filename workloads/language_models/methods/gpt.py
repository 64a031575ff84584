"""gpt: nanoGPT's network on rows that whole documents share, none of which attends to another."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from workloads.language_models.methods.gpt_config import row_width
from workloads.language_models.methods.gpt_network import Gpt, Shape
from workloads.language_models.task import LanguageTask
from workloads.runtime.task import Player


class GptTask(LanguageTask):
    """A decoder of ``model`` settings."""

    @property
    def context(self) -> int:
        """Tokens of a row."""
        return row_width(self.options["context"], self.description["longest"])

    @property
    def shape(self) -> Shape:
        """Sizes of the network."""
        options = self.options
        return Shape(
            len(self.form.vocabulary.tokens), self.context, options["layers"], options["heads"], options["width"]
        )

    def build_model(self) -> Gpt:
        """The network."""
        return Gpt(
            self.shape, self.options["dropout"], self.form.vocabulary.start, True, self.options["recomputes"],
            self.vocabulary_digest,
        )  # fmt: skip

    def computing(self, model: nn.Module) -> int:
        """All but the embeddings of places, which are added."""
        return self.shape.computing

    def players(self, model: nn.Module) -> Sequence[Player]:
        """One, whose norms' gains weight decay leaves alone, as in nanoGPT."""
        gains = [parameter for parameter in model.parameters() if parameter.dim() < 2]
        return [Player("model", model, self.loss, gains)]
