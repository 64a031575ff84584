"""What all methods of language_models share: their texts, their loss, what is measured, and their picture."""

from __future__ import annotations

import functools
import hashlib
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from orchestrator.records.settings import Settings
from workloads.language_models.config import require_context
from workloads.language_models.datasets.base import TextsDescription
from workloads.language_models.forms import FORMS, Form
from workloads.language_models.generation import Requests, Writing
from workloads.language_models.models import LanguageModel
from workloads.language_models.novelty import Known
from workloads.language_models.quality import GeneratedQuality, TextQuality
from workloads.language_models.rows import NOTHING, Documents, Plan, Rows
from workloads.runtime.errors import DatasetError
from workloads.runtime.samples.consolidated import read_description_of
from workloads.runtime.task import Batch, Quality, SampleSet, Step, Task, to_device

GENERATED = "generated"
"""The evaluation set of texts that the model writes."""
SHOWN = 12
"""Texts of a picture, at most."""
PLAN, TEXTS = 1, 2
"""What numbers of the run's seed are drawn for."""


class LanguageTask(Task):
    """Tokens to the tokens after them, by cross-entropy: the mean over all tokens of the global batch."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        super().__init__(settings, folder)
        self.options: Mapping[str, Any] = settings["model"]

    @functools.cached_property
    def description(self) -> TextsDescription:
        """What is known of the texts."""
        return read_description_of(self.folder, TextsDescription)

    @functools.cached_property
    def form(self) -> Form:
        """Their vocabulary and what tells good ones. Raises DatasetError for texts of another vocabulary."""
        form = FORMS[self.description["set"]]
        if list(form.vocabulary.tokens) != self.description["vocabulary"]:
            raise DatasetError(f"{self.folder} was tokenised with another vocabulary; make the data set again")
        return form

    @property
    def vocabulary_digest(self) -> Tensor:
        """The SHA-256 of the vocabulary, (32,) uint8."""
        digest = hashlib.sha256("\0".join(self.form.vocabulary.tokens).encode()).digest()
        return torch.tensor(list(digest), dtype=torch.uint8)

    @functools.cached_property
    def documents(self) -> Documents:
        """All that is trained on."""
        return Documents(self.folder, "training")

    @functools.cached_property
    def known(self) -> Known:
        """The same, to look for what a text means."""
        return Known(self.documents, self.form)

    @property
    def context(self) -> int | None:
        """Tokens of a row that holds several documents; None: each has a row of its own."""
        return None

    def rows_of(self, documents: Documents, order: np.ndarray | None = None) -> SampleSet:
        """Documents in the rows that the method reads, packed in that order."""
        count, start = len(documents), self.form.vocabulary.start
        if self.context is None:
            return Rows(documents, documents.longest - 1, start, Plan.one_each(count))
        try:
            require_context(self.context, documents.longest)
        except ValueError as error:
            raise DatasetError(f"benchmark.model.{error}") from error
        plan = Plan.packed(documents.lengths - 1, self.context, np.arange(count) if order is None else order)
        return Rows(documents, self.context, start, plan)

    @functools.cached_property
    def training_set(self) -> SampleSet:
        """All rows. Which documents share one is drawn by the seed."""
        return self.rows_of(self.documents, np.random.default_rng([self.seed, PLAN]).permutation(len(self.documents)))

    @functools.cached_property
    def evaluation_set(self) -> SampleSet:
        """The held-out texts."""
        return self.rows_of(Documents(self.folder, "evaluation"))

    @property
    def evaluation_sets(self) -> Mapping[str, SampleSet]:
        """The held-out texts, and requests for texts."""
        count = int(self.options["samples"])
        asked = {GENERATED: Requests(count, self.longest_text, self.seed + TEXTS)} if count else {}
        return {"": self.evaluation_set, **asked}

    @property
    def longest_text(self) -> int:
        """Tokens that a text which the model writes may have."""
        return self.description["longest"]

    @functools.cached_property
    def writing(self) -> Writing:
        """How texts are written. Raises DatasetError for a prompt that is none."""
        vocabulary = self.form.vocabulary
        try:
            known = vocabulary.begin_text(str(self.options["prompt"]), self.longest_text)
        except ValueError as error:
            raise DatasetError(f"benchmark.model.{error}") from error
        return Writing(
            vocabulary, torch.from_numpy(known.astype(np.int64)), self.options["temperature"], self.options["top_k"]
        )

    @property
    def predicted(self) -> tuple[str, float, str]:
        """Tokens: those of an average row that is scored, a text's first one, or all that are written of it."""
        count = int(self.options["new_tokens"])
        if self.options["predicts"] == "scores":
            rows = self.evaluation_set
            return "tokens", float(np.mean(rows.items(np.arange(len(rows))))), "the scores of a held-out row's tokens"
        after = ", after its prompt" if self.options["prompt"] else ""
        if self.options["predicts"] == "first_token":
            return "tokens", 1.0, f"a text's first token{after}"
        return "tokens", float(count), f"a text of {count} tokens{after}"

    @abstractmethod
    def build_model(self) -> LanguageModel:
        """The network."""

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        """Mean cross-entropy of the batch's tokens, nats."""
        scores: Tensor = model(batch["tokens"])
        return functional.cross_entropy(scores.float().flatten(0, 1), batch["targets"].flatten(), ignore_index=NOTHING)

    def new_quality(self) -> Quality:
        """No token yet."""
        return TextQuality()

    def quality_of(self, evaluation_set: str) -> Quality:
        """Texts that are written are judged otherwise than those that are read."""
        if evaluation_set == GENERATED:
            return GeneratedQuality(self.writing, self.form, self.known.hold)
        return self.new_quality()

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        """What ``model.predicts`` says: scores (n, w, V); of each sample the scores (n, V) of a text's first token
        after the prompt; or a text (n, t).
        """
        if self.options["predicts"] == "scores":
            scores: Tensor = model(batch["tokens"])
            return scores
        assert isinstance(model, LanguageModel)
        writing, rows = self.writing, len(batch["tokens"])
        if self.options["predicts"] == "first_token":
            prompt = writing.prompt.to(batch["tokens"].device).expand(rows, -1)
            return model.advance(prompt, model.begin(rows, prompt.shape[1] + 1))
        longest = len(writing.prompt) + int(self.options["new_tokens"])
        uniform = torch.full((rows, longest), 0.5, device=batch["tokens"].device)
        endless = Writing(writing.vocabulary, writing.prompt, writing.temperature, writing.top_k, stops=False)
        return endless.write(model, uniform)

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        """Texts that are written with their verdicts, the loss by place, and its curve: see pictures.py."""
        from workloads.language_models.pictures import draw_texts, view_of

        assert isinstance(model, LanguageModel)
        held_out = self.evaluation_set
        some = np.linspace(0, len(held_out) - 1, min(len(held_out), 64)).round().astype(np.int64)
        with torch.inference_mode():
            batch = to_device(held_out.read(some), device)
            requests = Requests(SHOWN, self.longest_text, self.seed + TEXTS)
            uniform = to_device(requests.read(np.arange(len(requests))), device)["uniform"]
            written = self.writing.write(model, uniform).cpu().numpy()
            view = view_of(model, batch, written, self.form, self.history)
        draw_texts(path, view)
