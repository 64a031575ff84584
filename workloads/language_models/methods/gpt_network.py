"""nanoGPT's network (github.com/karpathy/nanoGPT): pre-norm blocks without biases, and tied embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from workloads.language_models.models import LanguageModel

DEVIATION = 0.02
"""Of initial weights; GPT-2's."""


@dataclass(frozen=True)
class Shape:
    """Sizes of the network: ``width`` numbers a token, which ``heads`` share."""

    tokens: int
    context: int
    layers: int
    heads: int
    width: int

    @property
    def parameters(self) -> int:
        """All: embeddings of tokens and places, and of each layer 12 w² + 2 w; a last norm."""
        return (self.tokens + self.context + 1) * self.width + self.layers * (12 * self.width**2 + 2 * self.width)

    @property
    def computing(self) -> int:
        """N of "6 N operations a token": all but the embeddings of places; the tokens' are the last layer's, too."""
        return self.parameters - self.context * self.width


class Cache:
    """Keys and values of all ``known`` tokens so far, by layer (n, heads, longest, width ÷ heads)."""

    def __init__(self, longest: int) -> None:
        self.longest, self.known = longest, 0
        self.held: dict[int, tuple[Tensor, Tensor]] = {}

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values of a layer, the newest (n, heads, k, ·) included."""
        stop, (rows, heads, count, width) = self.known + keys.shape[2], keys.shape
        if layer not in self.held:
            # In the precision that they come in.
            self.held[layer] = (
                keys.new_empty(rows, heads, self.longest, width),
                values.new_empty(rows, heads, self.longest, width),
            )
        all_keys, all_values = self.held[layer]
        all_keys[:, :, stop - count : stop], all_values[:, :, stop - count : stop] = keys, values
        return all_keys[:, :, :stop], all_values[:, :, :stop]


class Attention(nn.Module):
    """Attention of several heads to earlier tokens."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = shape.heads, dropout
        self.inward = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.outward = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, hidden: Tensor, mask: Tensor | None, cache: Cache | None = None, layer: int = 0) -> Tensor:
        """``mask`` (n, 1, w, w) says which tokens each may attend to; None: all up to itself."""
        rows, count, width = hidden.shape
        queries, keys, values = (
            part.view(rows, count, self.heads, -1).transpose(1, 2) for part in self.inward(hidden).split(width, dim=2)
        )
        causal = mask is None and count > 1
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)
        if hidden.device.type == "cpu":
            # In bfloat16 processors take 1.1 to 3 times as long (AMD EPYC; heads of 64 and 32 numbers).
            queries, keys, values = queries.float(), keys.float(), values.float()
        with torch.autocast(hidden.device.type, enabled=False):
            mixed = functional.scaled_dot_product_attention(
                queries, keys, values, mask, self.dropout if self.training else 0.0, is_causal=causal
            )
        outward: Tensor = self.outward(mixed.transpose(1, 2).reshape(rows, count, width))
        return outward


class Block(nn.Module):
    """Attention, then two layers for each token by itself, each added to what comes in."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(shape.width, bias=False)
        self.attention = Attention(shape, dropout)
        self.before_layers = nn.LayerNorm(shape.width, bias=False)
        self.widen = nn.Linear(shape.width, 4 * shape.width, bias=False)
        self.narrow = nn.Linear(4 * shape.width, shape.width, bias=False)
        self.drop = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, mask: Tensor | None, cache: Cache | None = None, layer: int = 0) -> Tensor:
        """(n, w, width) to the same."""
        hidden = hidden + self.drop(self.attention(self.before_attention(hidden), mask, cache, layer))
        added: Tensor = self.drop(self.narrow(functional.gelu(self.widen(self.before_layers(hidden)))))
        return hidden + added


class Gpt(LanguageModel):
    """The network. ``packed``: rows hold several documents, each of which begins with the token ``start``.

    ``recomputes``: blocks are computed again in the backward pass, so that only what goes in is kept of each.
    """

    def __init__(
        self, shape: Shape, dropout: float, start: int, packed: bool, recomputes: bool, vocabulary: Tensor
    ) -> None:
        super().__init__(vocabulary)
        self.shape, self.start, self.packed, self.recomputes = shape, start, packed, recomputes
        self.embedding = nn.Embedding(shape.tokens, shape.width)
        self.places = nn.Embedding(shape.context, shape.width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(Block(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, bias=False)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:
                last = name.endswith(("outward.weight", "narrow.weight"))
                nn.init.normal_(parameter, std=DEVIATION / (math.sqrt(2 * shape.layers) if last else 1))

    def forward(self, tokens: Tensor) -> Tensor:
        """Scores (n, w, V) of rows (n, w), w at most the context."""
        places = torch.arange(tokens.shape[1], device=tokens.device)
        mask = None
        if self.packed:
            begins = tokens == self.start
            first = torch.where(begins, places, 0).cummax(1).values
            # A token attends to those of its own document, up to itself: they have the same first token.
            mask = (first[:, :, None] == first[:, None, :]).tril()[:, None]
            places = places - first
        hidden = self.drop(self.embedding(tokens) + self.places(places))
        for block in self.blocks:
            if self.recomputes and self.training:
                hidden = checkpoint(block, hidden, mask, use_reentrant=False)
            else:
                hidden = block(hidden, mask)
        return functional.linear(self.norm(hidden), self.embedding.weight)

    def begin(self, rows: int, longest: int) -> Cache:
        """Nothing cached."""
        return Cache(longest)

    def advance(self, tokens: Tensor, memory: Any) -> Tensor:
        """Scores (n, V) after the newest tokens (n, k): a prompt's at first, then one at a time."""
        count = tokens.shape[1]
        assert count == 1 or not memory.known, "several tokens are a prompt's, with which a text begins"
        places = torch.arange(memory.known, memory.known + count, device=tokens.device)
        hidden = self.embedding(tokens) + self.places(places)
        for layer, block in enumerate(self.blocks):
            hidden = block(hidden, None, memory, layer)
        memory.known += count
        return functional.linear(self.norm(hidden[:, -1]), self.embedding.weight)
