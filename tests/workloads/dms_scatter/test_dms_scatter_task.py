from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, recall_score
from torch import Tensor
from torch.nn import functional

from workloads.dms_scatter.model import DmsNet
from workloads.dms_scatter.quality import PhaseQuality
from workloads.dms_scatter.task import DmsScatterTask
from workloads.runtime.task import Step, to_device


@pytest.fixture
def task(benchmark_settings: Any, consolidated: Path) -> DmsScatterTask:
    model = {**benchmark_settings["model"], **benchmark_settings["recipes"]["small"]["model"]}
    return DmsScatterTask(benchmark_settings | {"model": model}, consolidated)


def judged(scores: Tensor, target: Tensor) -> np.ndarray:
    quality = PhaseQuality()
    quality.add(scores, target)
    return quality.counts


def test_the_published_model_has_its_published_number_of_parameters(benchmark_settings: dict[str, Any]) -> None:
    chosen = benchmark_settings["model"]
    model = DmsNet(chosen["widths"], chosen["dropout"], chosen["binning"])
    assert sum(parameter.numel() for parameter in model.parameters()) == 44_977_866
    assert model.classifier[1].in_features == 87_584


def test_the_reference_recipe_is_the_published_benchmark(benchmark_settings: dict[str, Any]) -> None:
    reference, training = benchmark_settings["recipes"]["reference"], benchmark_settings["training"]
    assert set(reference) == {"dataset"} and reference["dataset"]["source"] == "real"
    assert (training["epochs"], training["batch_size"]) == (30, 32)
    assert training["optimizer"] == {"name": "adamw", "learning_rate": 1e-4, "weight_decay": 0.01}
    assert benchmark_settings["recipes"]["fast"]["dataset"] == reference["dataset"]


def test_the_loss_is_the_published_one(task: DmsScatterTask) -> None:
    model = task.build_model().eval()
    batch = to_device(task.training_set.read(np.arange(6)), torch.device("cpu"))
    with torch.no_grad():
        probabilities = task.predict(model, batch)
        published = functional.binary_cross_entropy(probabilities, functional.one_hot(batch["target"], 2).float())
        assert float(task.loss(model, batch, Step())) == pytest.approx(float(published), rel=1e-5)
    assert probabilities.sum(dim=1) == pytest.approx(np.ones(6), abs=1e-6)


@pytest.mark.parametrize("classes", [[0, 1], [0], [1]], ids=["both", "monoclinic", "tetragonal"])
def test_quality_is_what_scikit_learn_computes(classes: list[int]) -> None:
    random = np.random.default_rng(1)
    target, scores = torch.from_numpy(random.choice(classes, 300)), torch.from_numpy(random.normal(size=(300, 2)))
    predicted = scores.argmax(1)
    found = PhaseQuality().compute(judged(scores, target), {})
    recalls = recall_score(target, predicted, labels=[0, 1], average=None, zero_division=0)
    assert found["accuracy"] == pytest.approx(accuracy_score(target, predicted))
    assert found["macro_f1"] == pytest.approx(f1_score(target, predicted, average="macro", zero_division=0))
    assert [found["recall_monoclinic"], found["recall_tetragonal"]] == pytest.approx(recalls)
    matrix = confusion_matrix(target, predicted, labels=[0, 1])
    assert found["monoclinic_as_tetragonal"] == matrix[0, 1] and found["tetragonal_as_monoclinic"] == matrix[1, 0]


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_metrics_are_the_same_for_any_number_of_ranks(ranks: int) -> None:
    random = np.random.default_rng(2)
    target, scores = torch.from_numpy(random.integers(0, 2, 101)), torch.from_numpy(random.normal(size=(101, 2)))
    parts = [judged(scores[rank::ranks], target[rank::ranks]) for rank in range(ranks)]
    assert PhaseQuality().compute(np.sum(parts, axis=0), {}) == PhaseQuality().compute(judged(scores, target), {})


def test_an_empty_evaluation_scores_zero() -> None:
    assert set(PhaseQuality().compute(PhaseQuality().counts, {}).values()) == {0.0}


def test_training_lowers_the_loss(task: DmsScatterTask) -> None:
    torch.manual_seed(1)
    model = task.build_model()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    batch = to_device(task.training_set.read(np.arange(16)), torch.device("cpu"))
    losses = []
    for _ in range(15):
        loss = task.loss(model, batch, Step())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(2), abs=0.3)
    assert np.mean(losses[-3:]) < losses[0] - 0.1
