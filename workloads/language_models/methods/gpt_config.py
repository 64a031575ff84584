"""What can be set of gpt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workloads.language_models import config

LEAST_CONTEXT = 128
"""Tokens of a row where none are asked for and documents are short."""


def row_width(context: int | None, longest: int) -> int:
    """Tokens of a row, by ``benchmark.model.context`` and the tokens of the longest document."""
    return context or max(LEAST_CONTEXT, longest - 1)


@dataclass
class Model(config.Model):
    """``benchmark.model``."""

    layers: int
    """Blocks, one after the other."""
    heads: int
    """Of each block's attention, which share its width."""
    width: int
    """Numbers that stand for a token."""
    context: int | None
    """Tokens of a row, which holds as many whole documents as it has room for; null: 128, or those of the longest
    document where it has more."""
    dropout: float
    """Of what each half of a block adds, of the embeddings, and of attention."""
    recomputes: bool
    """Whether blocks are computed again in the backward pass: less memory for a third more arithmetic."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        super().__post_init__()
        for option in ("layers", "heads", "width"):
            config.require_at_least(option, getattr(self, option), 1)
        if self.context is not None:
            config.require_at_least("context", self.context, 1)
        if self.width % self.heads:
            raise ValueError(f"width is {self.width}; expected a multiple of heads, {self.heads}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout is {self.dropout}; expected 0 or more, and less than 1")

    @staticmethod
    def compare_trained(trained: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Rows are compared by the tokens that they have, which may be those of the longest document."""
        one, other = config.Model.compare_trained(trained, wanted)
        for options, settings in ((one, trained), (other, wanted)):
            options["context"] = row_width(settings["model"]["context"], settings["dataset"]["longest"])
        return one, other

    def check_dataset(self, dataset: config.DatasetOptions) -> None:
        """Raise ValueError for documents, or texts to be timed, that no row has room for."""
        super().check_dataset(dataset)
        context = row_width(self.context, dataset.longest)
        config.require_context(context, dataset.longest)
        known = len(dataset.vocabulary.begin_text(self.prompt, dataset.longest)) if self.prompt else 1
        # The last token is written and not read.
        if self.predicts == "text" and known + self.new_tokens - 1 > context:
            raise ValueError(
                f"new_tokens is {self.new_tokens}, and {known} stand before them: a row has {context}; set it to "
                f"{context + 1 - known} or less, or benchmark.model.context to {known + self.new_tokens - 1} or more"
            )
