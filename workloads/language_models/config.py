"""What can be set of every method and data set of language_models. Imports no compute library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workloads.language_models.vocabulary import Vocabulary

LONGER = ("refuse", "cut", "split")
PREDICTED = ("scores", "first_token", "text")
USES = frozenset({"samples", "temperature", "top_k", "prompt", "predicts", "new_tokens"})
"""Options of what a model is used for, whichever it is."""


@dataclass
class Model:
    """``benchmark.model`` of every method; methods/NAME_config.py adds what a method has of its own."""

    samples: int
    """Texts that an evaluation has the model write; 0: none."""
    temperature: float
    """What its scores are divided by before a token is drawn."""
    top_k: int | None
    """Only so many tokens of the highest scores may be drawn; null: any."""
    prompt: str
    """What every text begins with: a scaffold of molecules; of crystals a composition and its line's end, in quotes:
    "Na1Cl1\\n"."""
    predicts: str
    """What ``mode=inference`` times of a sample: the "scores" of an evaluation row's tokens, the "first_token" of a
    text, or the whole "text", of ``new_tokens`` tokens however early it ends."""
    new_tokens: int
    """Tokens of each text that ``predicts: text`` writes."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_at_least("samples", self.samples, 0)
        require_at_least("new_tokens", self.new_tokens, 1)
        require_one_of("predicts", self.predicts, PREDICTED)
        if not self.temperature > 0:
            raise ValueError(
                f"temperature is {self.temperature}; expected a number above 0 (top_k=1 takes the likeliest)"
            )
        if self.top_k is not None:
            require_at_least("top_k", self.top_k, 1)

    def check_dataset(self, dataset: DatasetOptions) -> None:
        """Raise ValueError for a prompt that no text can begin with, or more tokens to draw from than there are."""
        if self.prompt:
            dataset.vocabulary.begin_text(self.prompt, dataset.longest)
        if self.top_k is not None and self.top_k > len(dataset.vocabulary.tokens):
            raise ValueError(
                f"top_k is {self.top_k}, but there are {len(dataset.vocabulary.tokens)} tokens; null draws from all"
            )

    def check_benchmark(self, benchmark: Mapping[str, Any]) -> None:
        """Raise ValueError for settings of the whole benchmark that this use of a model cannot do with."""
        metric = benchmark["quality"]["metric"]
        if metric.startswith("generated/") and not self.samples:
            raise ValueError(
                f"samples is 0, so that no text is written, and benchmark.quality.metric is {metric}; set it to 1 or "
                "more, or the metric to perplexity or bits_per_character"
            )
        if self.predicts != "scores" and benchmark["training"]["compile"]:
            raise ValueError(
                f"predicts is {self.predicts!r}, and benchmark.training.compile is true: only scores are computed by "
                "what is compiled; set benchmark.training.compile to false, or this to scores"
            )

    @staticmethod
    def compare_trained(trained: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What has to be the same of two benchmarks' settings, for the model of one to do what the other wants: the
        method, the model but for its use, and the data set, whose vocabulary it has.
        """
        one, other = (
            {"method": settings.get("method"), "dataset": settings.get("dataset_name")}
            | {option: value for option, value in settings["model"].items() if option not in USES}
            for settings in (trained, wanted)
        )
        return one, other


@dataclass
class DatasetOptions(ABC):
    """``benchmark.dataset`` of every data set."""

    source: str
    """"stand-in" or "real"."""
    version: str
    """Of the data from ``source``."""
    versions: dict[str, str]
    """The newest version of each source."""
    split: str
    """What quality is measured on: "test", "validation" (a part of the training texts that is not trained on), and what
    else a data set has."""
    preset: str
    """Names the folder of texts made here."""
    seed: int
    """What texts made here are drawn by."""
    documents: int
    """How many texts are made here to train on; a tenth as many are made to measure quality on."""
    training_documents: int | None
    """The most texts that are trained on, evenly from all of them; null: all."""
    evaluation_documents: int | None
    """The most texts that quality is measured on; null: all."""
    longest: int
    """Tokens of the longest text, with what starts and stops it."""
    longer: str
    """What becomes of longer ones: "refuse", "cut" what is too much, or "split" into several."""

    @property
    @abstractmethod
    def vocabulary(self) -> Vocabulary:
        """The tokens of its texts."""

    def __post_init__(self) -> None:
        """Raises ValueError, which begins with the option's name."""
        require_one_of("longer", self.longer, LONGER)
        require_at_least("longest", self.longest, 4)
        for option in ("documents", "training_documents", "evaluation_documents"):
            value = getattr(self, option)
            if value is not None:
                require_at_least(option, value, 1)


def require_context(context: int, longest: int) -> None:
    """Raise ValueError unless a row of ``context`` tokens has room for a document of the ``longest``."""
    if context < longest - 1:
        raise ValueError(
            f"context is {context}, but documents may have {longest} tokens; set it to {longest - 1} or more, or "
            f"benchmark.dataset.longest to {context + 1} with benchmark.dataset.longer=cut or split"
        )


def require_at_least(option: str, value: int, least: int) -> None:
    """Raise ValueError unless an option is a number that is large enough."""
    if value < least:
        raise ValueError(f"{option} is {value}; expected {least} or more")


def require_one_of(option: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless an option has one of the values that it may have."""
    if value not in choices:
        raise ValueError(f"{option} is {value!r}; expected one of {', '.join(choices)}")
