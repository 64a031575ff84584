"""How well a model knows texts that it was not trained on, and how good those are that it writes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from workloads.language_models.forms import Form
from workloads.language_models.generation import Writing
from workloads.language_models.judging import judge_tokens
from workloads.language_models.models import LanguageModel
from workloads.language_models.rows import NOTHING
from workloads.runtime.task import Arrays, Batch, Quality

STEP = 2.0**-20
"""In which a row's losses are added: sums over many millions of rows are exact, so that ranks may add in any order."""
AMONG = (1_000, 10_000)
"""Valid texts among which MOSES counts different ones."""


def losses_of(model: nn.Module, batch: Batch) -> Tensor:
    """The negative logarithm of the probability of each target (n, w), float32; 0 where there is none."""
    scores, targets = model(batch["tokens"]), batch["targets"]
    found = functional.cross_entropy(
        scores.float().flatten(0, 1), targets.flatten(), ignore_index=NOTHING, reduction="none"
    )
    return found.view(targets.shape)


class TextQuality(Quality):
    """The losses of all tokens of the held-out texts."""

    def __init__(self) -> None:
        self._sums: npt.NDArray[np.float64] = np.zeros(3)

    def update(self, model: nn.Module, batch: Batch) -> None:
        """Add the rows of a batch."""
        nats = losses_of(model, batch).double().sum(1).cpu().numpy()
        self._sums += (
            np.rint(nats / STEP).sum() * STEP, int((batch["targets"] != NOTHING).sum()), int(batch["characters"].sum()),
        )  # fmt: skip

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nats, tokens and characters so far."""
        sums: npt.NDArray[np.float64] = self._sums.copy()
        return sums

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """``perplexity`` of a token, and ``bits_per_character``; the end of a line is a character."""
        nats, tokens, characters = counts.tolist()
        return {
            "perplexity": float(np.exp(nats / max(1.0, tokens))),
            "bits_per_character": nats / np.log(2) / max(1.0, characters),
        }


class GeneratedQuality(Quality):
    """Texts that the model writes. ``is_known`` tells which of some valid texts mean what it was trained on; it calls
    the function that it gets beside them every few seconds.
    """

    def __init__(
        self, writing: Writing, form: Form, is_known: Callable[[Sequence[str], Callable[[], None]], Sequence[bool]]
    ) -> None:
        self._writing, self._form, self._is_known = writing, form, is_known

    def update(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Keep the tokens of the texts that a batch of requests asks for, (n, longest) int32.

        In float32: what is drawn depends on little differences.
        """
        assert isinstance(model, LanguageModel)
        uniform = batch["uniform"]
        with torch.autocast(uniform.device.type, enabled=False):
            tokens = self._writing.write(model, uniform)
        return {"text": functional.pad(tokens, (0, uniform.shape[1] - tokens.shape[1])).int()}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        """Nothing: all is kept as rows."""
        return np.zeros(0)

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        """``valid``: the share of texts that come to an end and pass every test, and of each test by its name.

        Of the valid ones: ``unique``, the share of different ones, also among the first thousand and ten thousand (or
        as many as there are) where as many texts are written; ``novel``, of these the share that was not trained on.
        All are 0 where no text is valid.
        """
        return self.measure(counts, rows, lambda: None)

    def measure(self, counts: npt.NDArray[np.float64], rows: Arrays, alive: Callable[[], None]) -> dict[str, float]:
        """The same, with a sign of life after each text: 30,000 of MOSES take a minute."""
        texts = []
        for row in rows["text"]:
            texts.append(judge_tokens(self._form, row))
            alive()
        found = {
            "ended": float(np.mean([text.ended for text in texts])),
            **{test: float(np.mean([text.verdicts[test] for text in texts])) for test in self._form.tests},
        }
        valid = [text.text for text in texts if not text.faults]
        identities = []
        for text in valid:
            identities.append(self._form.identity_of(text))
            alive()
        found["valid"] = len(valid) / len(texts)
        found["unique"] = share_of_different(identities)
        found |= {f"unique_at_{k}": share_of_different(identities[:k]) for k in AMONG if len(texts) >= k}
        different = list(dict(zip(reversed(identities), reversed(valid), strict=True)).values())
        found["novel"] = 1 - float(np.mean(self._is_known(different, alive))) if different else 0.0
        return found


def share_of_different(identities: Sequence[Hashable]) -> float:
    """Different ones by all; 0 of none."""
    return len(set(identities)) / max(1, len(identities))
