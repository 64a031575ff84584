"""char_rnn, ngram and unigram: what each scores, and proteins in FASTA."""

from __future__ import annotations

import gzip
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from workloads.language_models.datasets.proteins import GENOME, LARGEST, UNIREF, WITHIN, ProteinsDataset, read_fasta
from workloads.language_models.methods.char_rnn import CharRnn
from workloads.language_models.methods.ngram import Ngram, adjusted_counts
from workloads.language_models.methods.unigram import Unigram
from workloads.language_models.models import LanguageModel
from workloads.language_models.rows import Documents
from workloads.runtime.dataset import tell_nobody
from workloads.runtime.errors import DatasetError

DIGEST = torch.zeros(32, dtype=torch.uint8)
TEXTS = [[4, 0, 1, 0, 1, 5], [4, 0, 2, 5], [4, 1, 1, 1, 0, 5], [4, 0, 1, 5], [4, 3, 5]]
SIZE = 6


class Few(Documents):
    """The texts above, out of memory."""

    def __init__(self) -> None:
        self.lengths = np.array([len(text) for text in TEXTS])
        self.padded = np.zeros((len(TEXTS), 7), np.uint16)
        for row, text in zip(self.padded, TEXTS, strict=True):
            row[: len(text)] = text

    def read(self, indices: Any) -> Any:
        return self.padded[indices]


def ngram(order: int) -> Ngram:
    return Ngram(adjusted_counts(Few(), order, SIZE), SIZE, DIGEST)


def kneser_ney(order: int) -> Any:
    """The probability of a token after others, from the definition, one sum at a time."""
    counts = [Counter[tuple[int, ...]]() for _ in range(order + 1)]
    for text in TEXTS:
        for length in range(1, order + 1):
            counts[length].update(tuple(text[at : at + length]) for at in range(len(text) - length + 1))
    # Nothing is followed by what every text starts with.
    counts[1] -= Counter((text[0],) for text in TEXTS)
    adjusted = {order: counts[order]}
    for length in range(1, order):
        # Different tokens before, and how often a text begins so.
        adjusted[length] = Counter(gram[1:] for gram in counts[length + 1])
        if length > 1:
            adjusted[length].update(tuple(text[:length]) for text in TEXTS)

    def probability(context: tuple[int, ...], token: int) -> float:
        length = len(context) + 1
        known = adjusted[length]
        lower = 1 / SIZE if length == 1 else probability(context[1:], token)
        followers = {gram[-1]: count for gram, count in known.items() if gram[:-1] == context}
        if not followers:
            return lower
        once, twice = (sum(count == n for count in known.values()) for n in (1, 2))
        discount = once / (once + 2 * twice) if once else 0.5
        total = sum(followers.values())
        return max(followers.get(token, 0) - discount, 0) / total + discount * len(followers) / total * lower

    return probability


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_an_ngram_has_the_probabilities_of_kneser_and_ney(order: int) -> None:
    expected, texts = kneser_ney(order), torch.tensor([[4, 0, 1, 0, 2], [4, 1, 3, 3, 0]])
    found = ngram(order)(texts).exp()
    assert torch.allclose(found.sum(-1), torch.ones(2, 5), atol=1e-5)
    for row, text in enumerate(texts.tolist()):
        for place in range(5):
            context = tuple(text[max(0, place + 2 - order) : place + 1]) if order > 1 else ()
            for token in range(SIZE):
                assert found[row, place, token].item() == pytest.approx(expected(context, token), abs=1e-5)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_starts_every_text_hardly_ever_follows_in_an_ngram(order: int) -> None:
    after = ngram(order)(torch.tensor([[4, 0, 1]]))[0, -1].exp()
    assert after[4].item() == min(after.tolist()) and after[4].item() < 0.1


def test_unigram_scores_by_frequency_with_one_more_of_each() -> None:
    model = Unigram(torch.tensor([7.0, 1, 0, 0]).double(), DIGEST)
    assert model(torch.zeros(2, 3, dtype=torch.long)).exp()[1, 2].tolist() == pytest.approx(
        [8 / 12, 2 / 12, 1 / 12, 1 / 12]
    )


def test_char_rnn_has_the_published_layers() -> None:
    model = CharRnn(30, 12, 3, 0.2, DIGEST)
    # Four gates of weights and two biases; the embedding is as wide as there are tokens.
    gates = [4 * 12 * (width + 12 + 2) for width in (30, 12, 12)]
    assert sum(parameter.numel() for parameter in model.parameters()) == 30 * 30 + sum(gates) + 12 * 30 + 30


MODELS = [ngram(3), CharRnn(6, 8, 2, 0.0, DIGEST), Unigram(torch.ones(6), DIGEST)]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: type(model).__name__)
def test_a_text_is_scored_at_once_as_it_is_token_by_token(model: LanguageModel) -> None:
    texts = torch.tensor([[4, 0, 1, 0, 2, 1], [4, 1, 3, 3, 0, 5]])
    whole, memory = model.eval()(texts), model.begin(2, 6)
    scores = [model.advance(texts[:, :2], memory), *(model.advance(texts[:, [at]], memory) for at in range(2, 6))]
    torch.testing.assert_close(torch.stack(scores, 1), whole[:, 1:])


# --- proteins


def settings(**changes: Any) -> dict[str, Any]:
    return {
        "source": "real", "version": "pyhmmer", "split": "test", "preset": "t", "seed": 1, "documents": 30,
        "training_documents": None, "evaluation_documents": None, "longest": 64, "longer": "split", **changes,
    }  # fmt: skip


def test_proteins_are_read_of_fasta_and_every_tenth_is_apart(tmp_path: Path) -> None:
    (tmp_path / GENOME).write_text("".join(f">p{number} a comment\nMK{'A' * number}\nLV*\n" for number in range(20)))
    parts = ProteinsDataset(settings()).parts_of(tmp_path)
    assert list(parts["evaluation"].texts) == [f"MK{'A' * number}LV" for number in (9, 19)]
    assert len(parts["training"].texts) == 18 and parts["training"].place_of(1).endswith(f"{GENOME}, line 4")
    wheel = tmp_path / "wheel"
    wheel.mkdir()
    with zipfile.ZipFile(wheel / "pyhmmer-0.12.3-cp311-any.whl", "w") as archive:
        archive.write(tmp_path / GENOME, WITHIN)
    assert list(read_fasta(wheel, GENOME).texts) == list(read_fasta(tmp_path, GENOME).texts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MKV\n", "the first line is 'MKV.n'; expected one of FASTA"),
        (">a\nMK\n>b\n>c\nMK\n" + ">d\nMK\n" * 20, "line 3: the document is empty"),
        (">a\nMK1\n" + ">d\nMK\n" * 20, r"line 1: '1' \(character 3\) is not among the characters ABC"),
    ],
)
def test_a_file_that_holds_no_proteins_is_refused(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / GENOME).write_text(text)
    with pytest.raises(DatasetError, match=words):
        ProteinsDataset(settings()).convert(tmp_path, tmp_path / "made")


def test_an_archive_of_proteins_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / UNIREF).write_bytes(gzip.compress(b">a\nMKV\n" * 40)[:-9])
    with pytest.raises(DatasetError, match=f"{UNIREF}.* cut off"):
        ProteinsDataset(settings(version="uniref50")).convert(tmp_path, tmp_path / "made")


def test_a_file_of_proteins_that_fills_memory_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / UNIREF).open("wb") as file:
        file.truncate(LARGEST + 1)  # of holes
    with pytest.raises(DatasetError, match=r"has 1,073,741,825 bytes; it is read as a whole.*put a part of it there"):
        read_fasta(tmp_path, UNIREF)


def test_families_of_proteins_are_made_by_the_seed(tmp_path: Path) -> None:
    made = ProteinsDataset(settings(source="stand-in", longest=256))
    made.write_published(tmp_path, tell_nobody, 1)
    proteins = read_fasta(tmp_path, GENOME).texts
    assert len(set(proteins)) == 38 and all(protein[0] == "M" for protein in proteins)
