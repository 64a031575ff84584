from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, top_k_accuracy_score
from torch import Tensor

from workloads.runtime.task import Step, to_device
from workloads.stemdl.quality import SpaceGroupQuality
from workloads.stemdl.task import StemdlTask

SETTINGS: Any = {"model": {"depth": 10, "width": 8, "zero_last_gamma": True}}


@pytest.fixture
def task(tiny_folder: Path) -> StemdlTask:
    return StemdlTask(SETTINGS, tiny_folder)


def noisy_scores(classes: list[int], samples: int, seed: int) -> tuple[Tensor, Tensor]:
    random = np.random.default_rng(seed)
    target = random.choice(classes, samples)
    scores = random.normal(size=(samples, 231)).astype(np.float32)
    scores[np.arange(samples), target] += 2.0
    return torch.from_numpy(scores), torch.from_numpy(target)


@pytest.mark.parametrize("classes", [[1, 14, 225], list(range(1, 231)), [230]], ids=["three", "all", "one"])
def test_quality_is_what_scikit_learn_computes(classes: list[int]) -> None:
    scores, target = noisy_scores(classes, 500, seed=1)
    quality = SpaceGroupQuality()
    for start in range(0, 500, 64):
        quality.add(scores[start : start + 64], target[start : start + 64])
    found = SpaceGroupQuality().compute(quality.counts, {})
    predicted = scores.argmax(1)
    assert found["macro_f1"] == pytest.approx(f1_score(target, predicted, average="macro", zero_division=0))
    assert found["top1"] == pytest.approx((predicted == target).float().mean().item())
    assert found["top5"] == pytest.approx(top_k_accuracy_score(target, scores, k=5, labels=range(231)))


def test_counts_of_two_ranks_add_up_to_those_of_the_whole_set() -> None:
    scores, target = noisy_scores([2, 62, 194], 301, seed=2)
    whole, first, second = (SpaceGroupQuality() for _ in range(3))
    whole.add(scores, target)
    first.add(scores[:100], target[:100])
    second.add(scores[100:], target[100:])
    assert np.array_equal(first.counts + second.counts, whole.counts)


def test_macro_f1_over_the_set_is_not_the_mean_over_batches() -> None:
    scores, target = noisy_scores(list(range(1, 40)), 320, seed=3)
    whole = SpaceGroupQuality()
    whole.add(scores, target)
    batches = []
    for start in range(0, 320, 32):
        part = SpaceGroupQuality()
        part.add(scores[start : start + 32], target[start : start + 32])
        batches.append(SpaceGroupQuality().compute(part.counts, {})["macro_f1"])
    assert abs(np.mean(batches) - SpaceGroupQuality().compute(whole.counts, {})["macro_f1"]) > 0.02


def test_an_empty_evaluation_scores_zero() -> None:
    assert SpaceGroupQuality().compute(SpaceGroupQuality().counts, {}) == {"macro_f1": 0.0, "top1": 0.0, "top5": 0.0}


def test_the_loss_starts_near_chance_and_training_lowers_it(task: StemdlTask) -> None:
    torch.manual_seed(1)
    model = task.build_model()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = to_device(task.training_set.read(np.arange(24)), torch.device("cpu"))
    losses = []
    for _ in range(12):
        loss = task.loss(model, batch, Step())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(231), abs=1.0)
    assert losses[-1] < losses[0] - 1.5


def test_evaluation_counts_every_sample_once(task: StemdlTask) -> None:
    model, quality = task.build_model().eval(), task.new_quality()
    samples = task.evaluation_set
    with torch.no_grad():
        for indices in (np.arange(4), np.arange(4, 6)):
            quality.update(model, to_device(samples.read(indices), torch.device("cpu")))
    confusion = quality.counts[:-1].reshape(231, 231)
    assert confusion.sum() == len(samples) == 6
    assert np.array_equal(confusion.sum(axis=1), np.bincount(samples.read(np.arange(6))["target"], minlength=231))


def test_predictions_are_probabilities_of_every_space_group(task: StemdlTask) -> None:
    batch = to_device(task.evaluation_set.read(np.arange(6)), torch.device("cpu"))
    with torch.inference_mode():
        probabilities = task.predict(task.build_model().eval(), {"input": batch["input"]})
    assert probabilities.shape == (6, 231)
    assert probabilities.sum(dim=1).numpy() == pytest.approx(1.0, abs=1e-5)
