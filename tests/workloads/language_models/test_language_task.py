"""What the task makes of settings: rows, prompts, what inference times, and models of other vocabularies."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from orchestrator.campaign.trained import reason_unfit
from orchestrator.config.compose import compose_all
from orchestrator.errors import UsageError
from orchestrator.plan import Site, plan
from orchestrator.records import Manifest, RunDirectory
from workloads.language_models.datasets.molecules import FILES, MoleculesDataset
from workloads.language_models.methods.char_rnn import CharRnnTask
from workloads.language_models.methods.gpt import GptTask
from workloads.language_models.methods.gpt_network import Gpt
from workloads.language_models.task import GENERATED, LanguageTask
from workloads.language_models.vocabulary import VOCABULARIES
from workloads.runtime.errors import DatasetError
from workloads.runtime.procedures.checkpoint import CheckpointError
from workloads.runtime.procedures.weights import load_weights, save_weights
from workloads.runtime.samples.sampler import micro_batches
from workloads.runtime.task import Step, to_device

CPU = torch.device("cpu")
TRAINING, TEST = ["CCO", "c1ccccc1", "CN", "C#N", "CC(=O)O", "CCCC"], ["CCl", "CCO", "C"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few molecules, converted."""
    published = tmp_path_factory.mktemp("published")
    for part, lines in {"training": TRAINING, "test": TEST}.items():
        (published / FILES[part]).write_bytes(gzip.compress("\n".join(["SMILES", *lines, ""]).encode()))
    made = MoleculesDataset(
        {
            "source": "stand-in", "version": "t", "split": "test", "preset": "t", "seed": 1, "documents": 6,
            "training_documents": None, "evaluation_documents": None, "longest": 12, "longer": "refuse",
        }
    )  # fmt: skip
    made.convert(published, published / "made")
    return published / "made"


def options(**changes: Any) -> Any:
    model = {
        "samples": 4, "temperature": 1.0, "top_k": None, "prompt": "", "predicts": "scores", "new_tokens": 5,
        "layers": 1, "heads": 2, "width": 8, "context": 16, "dropout": 0.0, "recomputes": False, **changes,
    }  # fmt: skip
    return {"model": model}


def test_rows_that_are_too_short_for_a_document_are_refused(folder: Path) -> None:
    with pytest.raises(DatasetError, match="context is 8, but documents may have 12 tokens; set it to 11 or more"):
        len(GptTask(options(context=8), folder).training_set)
    assert GptTask(options(context=None), folder).context == 128


REFUSED = [
    ("molecules", "prompt=CXC", r"prompt is 'CXC': 'X' \(character 2\) is not among the characters #\(\)-123456=BCF"),
    ("molecules", f"prompt={'C' * 59}", "prompt has 60 tokens, .*; a text has at most 60"),
    ("proteins", "prompt=mkv", r"'m' \(character 1\) is not among the characters ABC"),
    ("crystals", r'prompt="Na1Cl1\nRn1"', r"'Rn1' \(its line 2\) is not among CrystaLLM's 371 tokens"),
    ("crystals", r'prompt="data_Na1Cl1\n"', "'data_' stands before it unwritten"),
    ("crystals", r'prompt="Na1Cl1\n\n"', "its empty line would end the text"),
    ("crystals", "top_k=372", "top_k is 372, but there are 371 tokens"),
    ("crystals", "context=100", "context is 100, but documents may have 384 tokens; set it"),
    ("molecules", "new_tokens=129", "new_tokens is 129, and 1 stand before them: a row has 128; set it to 128 or less"),
    ("molecules", "new_tokens=127,prompt=CCO", "new_tokens is 127, and 4 stand .*context to 130 or more"),
    ("molecules", "training.compile=true", "predicts is 'text', and benchmark.training.compile is true"),
    ("molecules", "samples=0,quality.metric=generated/novel", "samples is 0, so that no text .* generated/novel"),
]


def planned(dataset: str, *options: str) -> Any:
    words = ["benchmark=language_models", f"dataset={dataset}", "method=gpt", "recipe=small"]
    keys = (one if one.startswith(("training.", "quality.")) else f"model.{one}" for one in options)
    return compose_all([*words, "benchmark.model.predicts=text", *(f"benchmark.{key}" for key in keys)], False)


@pytest.mark.parametrize(("dataset", "options", "words"), REFUSED)
def test_what_no_text_can_be_is_refused_before_anything_is_submitted(dataset: str, options: str, words: str) -> None:
    with pytest.raises(UsageError, match=rf"benchmark\.model\..*{words}"):
        planned(dataset, *options.split(","))


def test_texts_that_just_fit_are_planned() -> None:
    for prompt, count in (("", 128), ("CCO", 125)):
        assert planned("molecules", f"new_tokens={count}", "top_k=30", *([f"prompt={prompt}"] if prompt else []))
    assert planned("molecules", "training.compile=true", "predicts=scores", "samples=0")
    (config,) = planned("crystals", r'prompt="Na1Cl1\n"')
    vocabulary = VOCABULARIES["crystals"]
    assert (
        vocabulary.decode(vocabulary.begin_text(config["benchmark"]["model"]["prompt"], 384).tolist())
        == "data_Na1Cl1\n"
    )


GPT = ["dataset=molecules"]
LONG = ["dataset=proteins", "benchmark.dataset.longest=160", "benchmark.model.context=null"]
COUNTED = ["dataset=molecules", "method=ngram"]


@pytest.mark.parametrize(
    ("one", "other", "refused"),
    [
        (GPT, [], ""),
        (GPT, ["benchmark.model.predicts=text", "benchmark.model.prompt=CC", "benchmark.model.top_k=3"], ""),
        (GPT, ["benchmark.model.width=64"], "trained a model with width=16, not 64"),
        (GPT, ["dataset=proteins"], "trained a model with dataset=molecules, not proteins"),
        (GPT, ["benchmark.dataset.longest=80"], ""),
        # Rows of as many tokens as the longest document: of another length they are of another network.
        (LONG, [*LONG, "benchmark.dataset.longest=512"], "trained a model with context=159, not 511"),
        (LONG, [*LONG, "benchmark.model.context=159"], ""),
        # What is counted anew is of the texts that are there.
        (COUNTED, [*COUNTED, "benchmark.dataset.split=scaffolds", "benchmark.dataset.evaluation_documents=3"], ""),
        (
            COUNTED,
            [*COUNTED, "benchmark.dataset.source=real"],
            "trained a model with source=stand-in, not real, version=fragments-1, not moses, preset=tiny, not None, "
            "seed=1, not None, documents=80, not None",
        ),
        (COUNTED, [*COUNTED, "benchmark.dataset.seed=2"], "trained a model with seed=1, not 2"),
        (COUNTED, [*COUNTED, "benchmark.dataset.split=validation"], "trained a model with split=test, not validation"),
        (
            COUNTED,
            [*COUNTED, "benchmark.dataset.training_documents=9"],
            "trained a model with training_documents=None, not 9",
        ),
    ],
)
def test_a_trained_model_is_taken_for_any_use_with_texts_of_its_kind(
    one: list[str], other: list[str], refused: str, tmp_path: Path
) -> None:
    words = ["benchmark=language_models", "recipe=tiny"]
    trained, wanted = (compose_all([*words, *more], False)[0] for more in (one, other))
    (planned,) = plan([trained], "campaign", Site(1, tmp_path)).runs
    run = RunDirectory(tmp_path / "trained")
    run.checkpoint.mkdir(parents=True)
    run.weights.touch()
    run.write_manifest(Manifest(planned.spec, planned.config, planned.config_hash, {}, 0.0))
    assert reason_unfit(run, wanted["benchmark"]) == refused


def test_a_prompt_is_written_on(folder: Path) -> None:
    task = GptTask(options(prompt="CC("), folder)
    written = task.writing.write(task.build_model(), torch.rand(3, task.longest_text, dtype=torch.double))
    texts = [task.form.vocabulary.decode(row) for row in written.tolist()]
    assert all(text.startswith("CC(") for text in texts)
    with pytest.raises(DatasetError, match=r"model.prompt is 'CX': 'X' \(character 2\) is not among"):
        _ = GptTask(options(prompt="CX"), folder).writing


@pytest.mark.parametrize(("predicts", "shape"), [("scores", (1, 16, 30)), ("first_token", (1, 30)), ("text", (1, 6))])
def test_inference_times_scores_a_first_token_or_a_text(predicts: str, shape: tuple[int, ...], folder: Path) -> None:
    task = GptTask(options(predicts=predicts), folder)
    batch = to_device(task.evaluation_set.read(np.zeros(1, np.int64)), CPU)
    with torch.inference_mode():
        assert task.predict(task.build_model().eval(), batch).shape == shape
    # The three held-out molecules share a row, with an end each.
    unit, count, what = task.predicted
    assert (unit, count) == ("tokens", {"scores": 10.0, "first_token": 1.0, "text": 5.0}[predicts])
    assert what in ("the scores of a held-out row's tokens", "a text's first token", "a text of 5 tokens")


def test_weight_decay_is_on_matrices_and_leaves_the_gains_of_norms_alone(folder: Path) -> None:
    task = GptTask(options(), folder)
    model = task.build_model()
    (player,) = task.players(model)
    gains = {name for name, parameter in model.named_parameters() if any(parameter is one for one in player.undecayed)}
    assert gains == {"blocks.0.before_attention.weight", "blocks.0.before_layers.weight", "norm.weight"}


@pytest.mark.parametrize(
    ("task", "changes", "computing"),
    [
        # 30 tokens' vectors, 12 x 8 x 8 of a block and its two norms, and the last norm: without 16 places.
        (GptTask, {}, 30 * 8 + 12 * 64 + 2 * 8 + 8),
        # Four gates of 30 and of 8 numbers with two biases, and a linear layer; the embedding is looked up.
        (CharRnnTask, {"hidden": 8}, 4 * 8 * (30 + 8 + 2) + 8 * 30 + 30),
    ],
)
def test_the_parameters_that_a_token_is_multiplied_with_are_told(
    task: type[LanguageTask], changes: dict[str, int], computing: int, folder: Path
) -> None:
    made = task(options(**changes), folder)
    assert made.computing(made.build_model()) == computing


def test_texts_are_only_written_where_samples_are_wanted(folder: Path) -> None:
    assert set(GptTask(options(), folder).evaluation_sets) == {"", GENERATED}
    assert set(GptTask(options(samples=0), folder).evaluation_sets) == {""}


def test_the_loss_is_the_mean_over_all_tokens_however_rows_are_shared_out(folder: Path) -> None:
    task = CharRnnTask(options(hidden=8), folder)
    torch.manual_seed(1)
    model, rows = task.build_model(), np.arange(len(TRAINING))
    whole = task.loss(model, to_device(task.training_set.read(rows), CPU), Step())
    parts = []
    for rank in range(2):
        for part in micro_batches(rows, rank, 2, 2, task.training_set.items(rows)):
            batch = to_device(task.training_set.read(part.indices), CPU)
            parts.append(part.weight * task.loss(model, batch, Step()) / 2)
    # Of documents of different length: a mean of the parts' means would be another.
    torch.testing.assert_close(torch.stack(parts).sum(), whole)


def test_a_model_of_another_vocabulary_is_not_inferred_with(folder: Path, tmp_path: Path) -> None:
    task = GptTask(options(), folder)
    save_weights(tmp_path / "model.pt", task.build_model(), {})
    load_weights(tmp_path / "model.pt", task.build_model(), CPU)
    other = Gpt(task.shape, 0.0, 0, True, False, torch.ones(32, dtype=torch.uint8))
    save_weights(tmp_path / "model.pt", other, {})
    with pytest.raises(CheckpointError, match="its vocabulary is another one than that of"):
        load_weights(tmp_path / "model.pt", task.build_model(), CPU)
