"""gpt: its size, documents that do not see each other, and texts that it writes with a cache and without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from workloads.language_models.forms import FORMS
from workloads.language_models.generation import Requests, Writing, cut_at_end, have_ended
from workloads.language_models.judging import judge_tokens
from workloads.language_models.methods.gpt_network import Gpt, Shape
from workloads.language_models.models import LanguageModel
from workloads.language_models.quality import GeneratedQuality, TextQuality
from workloads.language_models.rows import NOTHING

VOCABULARY = FORMS["molecules"].vocabulary
SMALL = Shape(30, 32, 2, 2, 16)


def network(shape: Shape = SMALL, packed: bool = True, recomputes: bool = False) -> Gpt:
    torch.manual_seed(1)
    model = Gpt(shape, 0.0, VOCABULARY.start, packed, recomputes, torch.zeros(32, dtype=torch.uint8))
    # Far from uniform, so that what is drawn depends on what came before.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(12)
    return model.eval()


@pytest.mark.parametrize("shape", [SMALL, Shape(371, 24, 3, 1, 8)], ids=["two layers", "three layers"])
def test_it_has_as_many_parameters_as_its_shape_says(shape: Shape) -> None:
    assert sum(parameter.numel() for parameter in network(shape).parameters()) == shape.parameters
    assert shape.computing == shape.parameters - shape.context * shape.width


def test_the_operations_that_reports_count_are_6_n_a_token() -> None:
    tokens = torch.zeros(2, SMALL.context, dtype=torch.long)
    with FlopCounterMode(display=False) as counter:
        network()(tokens).sum().backward()
    gains = (2 * SMALL.layers + 1) * SMALL.width
    # Of attention itself torch counts nothing on processors.
    assert counter.get_total_flops() == 6 * (SMALL.computing - gains) * tokens.numel()


@pytest.mark.parametrize(
    ("shape", "millions"),
    [
        (Shape(371, 1024, 8, 8, 512), 25.9),
        (Shape(371, 2048, 16, 16, 1024), 203.8),
        (Shape(50304, 1024, 12, 12, 768), 124.4),
    ],
    ids=["CrystaLLM's small one", "its large one", "GPT-2 without biases"],
)
def test_the_published_shapes_have_their_sizes(shape: Shape, millions: float) -> None:
    assert shape.parameters / 1e6 == pytest.approx(millions, abs=0.06)


def packed_row() -> tuple[torch.Tensor, list[torch.Tensor]]:
    drawn = torch.Generator().manual_seed(1)
    documents = [
        torch.cat((torch.tensor([VOCABULARY.start]), torch.randint(0, 26, (count,), generator=drawn)))
        for count in (7, 11, 4)
    ]
    return torch.cat(documents)[None], documents


@pytest.mark.parametrize("recomputes", [False, True])
def test_a_document_is_scored_in_a_row_as_it_is_alone(recomputes: bool) -> None:
    model = network(recomputes=recomputes).train(recomputes)
    row, documents = packed_row()
    alone = torch.cat([model(document[None])[0] for document in documents])
    torch.testing.assert_close(model(row)[0], alone, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(network(packed=False)(row)[0], alone, atol=0.1)


def test_blocks_that_are_computed_again_have_the_same_gradients() -> None:
    row, _ = packed_row()
    gradients = []
    for recomputes in (False, True):
        model = network(recomputes=recomputes).train()
        model(row).square().mean().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)


def write(model: LanguageModel, numbers: list[int], prompt: str = "", **changes: Any) -> list[list[int]]:
    tokens, _ = VOCABULARY.encode_all([prompt])
    known = torch.from_numpy(tokens[:-1].astype(np.int64))
    uniform = torch.from_numpy(Requests(100, 24, 5).read(np.array(numbers))["uniform"])
    with torch.inference_mode():
        return Writing(VOCABULARY, known, **changes).write(model, uniform).tolist()


def without_cache(model: LanguageModel, number: int, prompt: str, top_k: int | None) -> list[int]:
    tokens = torch.from_numpy(VOCABULARY.encode_all([prompt])[0][:-1].astype(np.int64))[None]
    uniform = torch.from_numpy(Requests(100, 24, 5).read(np.array([number]))["uniform"])
    writing = Writing(VOCABULARY, tokens[0], top_k=top_k)
    while tokens.shape[1] < 24 and not bool(have_ended(tokens, torch.tensor(VOCABULARY.stop))):
        new = writing.draw(model(tokens)[:, -1], uniform[:, tokens.shape[1]])
        tokens = torch.cat((tokens, new[:, None]), dim=1)
    found: list[int] = tokens[0].tolist()
    return found


@pytest.mark.parametrize(("prompt", "top_k"), [("", None), ("c1ccccc1", 5)])
def test_the_cache_changes_no_text(prompt: str, top_k: int | None) -> None:
    # Packed, the token that starts a document would hide what stands before it.
    model = network(packed=False)
    written = write(model, [0, 1, 2, 3], prompt, top_k=top_k)
    for number, text in enumerate(written):
        expected = without_cache(model, number, prompt, top_k)
        assert text[: len(expected)] == expected
    assert len({tuple(text) for text in written}) == 4


@pytest.mark.parametrize("stops", [True, False])
def test_what_stops_a_text_is_copied_to_the_device_once_for_all_its_tokens(
    stops: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, made, tensor = network(), [], torch.tensor

    def counted(*given: Any, **how: Any) -> torch.Tensor:
        made.append(given)
        return tensor(*given, **how)

    monkeypatch.setattr(torch, "tensor", counted)
    (text,) = write(model, [0], stops=stops)
    assert len(text) > 10 and len(made) <= 1


def test_texts_are_the_same_however_they_are_shared_out() -> None:
    model = network()
    together = write(model, list(range(9)))
    for parts in ([[0, 1, 2, 3], [4, 5, 6, 7, 8]], [[number] for number in range(9)]):
        apart = [text for part in parts for text in write(model, part)]
        for one, other in zip(together, apart, strict=True):
            ends = [cut_at_end(np.array(text), VOCABULARY.stop) for text in (one, other)]
            assert np.array_equal(one if ends[0] is None else ends[0], other if ends[1] is None else ends[1])


def test_the_likeliest_token_is_taken_at_top_k_1_or_little_temperature() -> None:
    scores, uniform = torch.tensor([[0.0, 2.0, 1.0]]).expand(50, -1), torch.arange(50) / 50
    drawn = Writing(VOCABULARY, torch.tensor([0])).draw(scores, uniform)
    assert torch.bincount(drawn).tolist() == pytest.approx((50 * scores[0].softmax(0)).tolist(), abs=1)
    assert set(Writing(VOCABULARY, torch.tensor([0]), top_k=1).draw(scores, uniform).tolist()) == {1}
    assert set(Writing(VOCABULARY, torch.tensor([0]), top_k=2).draw(scores, uniform).tolist()) == {1, 2}
    assert set(Writing(VOCABULARY, torch.tensor([0]), 0.01).draw(scores, uniform).tolist()) == {1}


def test_a_model_of_another_vocabulary_is_refused() -> None:
    state = network().state_dict()
    other = Gpt(SMALL, 0.0, VOCABULARY.start, True, False, torch.ones(32, dtype=torch.uint8))
    with pytest.raises(RuntimeError, match="vocabulary is another one"):
        other.load_state_dict(state)


class Uniform(torch.nn.Module):
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return torch.zeros(*tokens.shape, 30)


def test_perplexity_is_over_tokens_and_bits_are_over_characters() -> None:
    quality = TextQuality()
    targets = torch.tensor([[1, 2, 3, NOTHING], [4, NOTHING, NOTHING, NOTHING]])
    quality.update(
        Uniform(), {"tokens": torch.zeros_like(targets), "targets": targets, "characters": torch.tensor([6, 2])}
    )
    found = quality.compute(quality.counts, {})
    assert found == pytest.approx({"perplexity": 30, "bits_per_character": 4 * np.log2(30) / 8}, rel=1e-5)


def judge_of(name: str, known: Sequence[str] = ()) -> GeneratedQuality:
    form = FORMS[name]
    return GeneratedQuality(
        Writing(form.vocabulary, torch.tensor([0])), form, lambda texts, alive: [text in known for text in texts]
    )


def written(name: str, texts: Sequence[str], count: int) -> np.ndarray:
    """Rows of tokens, the last of them without an end."""
    tokens = np.zeros((count, 20), np.int32)
    for row, text in zip(tokens, texts, strict=False):
        row[: len(text) + 2] = FORMS[name].vocabulary.encode_all([text])[0]
    return tokens


def test_what_is_written_is_judged_as_moses_does() -> None:
    quality = judge_of("molecules", known=["CO"])
    texts = ["CO", "CN", "OC", "C(", "CO", "CF", "CC(C)(C)(C)C"]
    found = quality.compute(np.zeros(0), {"text": written("molecules", texts, 8)})
    assert found == pytest.approx({"ended": 7 / 8, "molecule": 5 / 8, "valid": 5 / 8, "unique": 3 / 5, "novel": 2 / 3})


@pytest.mark.parametrize("name", ["molecules", "proteins"])
@pytest.mark.parametrize("silent", ["<pad>", "<bos>", "<unk>"])
def test_a_text_with_a_token_that_is_no_character_is_not_valid(name: str, silent: str) -> None:
    vocabulary = FORMS[name].vocabulary
    tokens = written(name, ["CC", "CCC"], 2)
    tokens[1, 2] = vocabulary.tokens.index(silent)
    found = judge_of(name).compute(np.zeros(0), {"text": tokens})
    assert (found["ended"], found["valid"], found.get("molecule", 0.5)) == (1, 0.5, 0.5)
    assert judge_tokens(FORMS[name], tokens[1]).faults == [f"{silent} within"]


@pytest.mark.parametrize("name", ["molecules", "crystals", "proteins"])
def test_metrics_are_the_same_ones_whatever_is_written(name: str) -> None:
    bad = judge_of(name).compute(np.zeros(0), {"text": np.zeros((1000, 6), np.int32)})
    tests = {"molecules": {"molecule"}, "proteins": set()}.get(
        name, {"formula", "multiplicity", "bonds", "space_group"}
    )
    assert set(bad) == {"ended", "valid", "unique", "unique_at_1000", "novel"} | tests
    assert set(bad.values()) == {0.0}


def test_of_fewer_valid_texts_than_a_thousand_the_different_ones_among_all_are_counted() -> None:
    found = judge_of("molecules").compute(np.zeros(0), {"text": written("molecules", ["CO", "OC", "C(", "CN"], 1000)})
    assert found["unique_at_1000"] == found["unique"] == 2 / 3 and "unique_at_10000" not in found


def test_each_text_that_is_judged_is_a_sign_of_life() -> None:
    signs: list[int] = []
    judge_of("molecules").measure(np.zeros(0), {"text": written("molecules", ["CO"] * 30, 40)}, lambda: signs.append(1))
    assert len(signs) >= 40
