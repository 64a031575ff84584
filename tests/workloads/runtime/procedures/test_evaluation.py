"""Quality over evaluation sets: sums, rows of all samples in order, derivatives, and several sets by name."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn
from toys import CPU, Concluded, Drawn, MeanOutput, Toy

from workloads.runtime.communicators import Communicator
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.procedures.evaluation import evaluate, evaluation_loaders, rows_of_all
from workloads.runtime.procedures.quality import reaches
from workloads.runtime.task import Arrays, Batch, Quality, SampleSet

SETTINGS: Any = {"evaluation_batch_size": 4, "precision": "float32"}


@pytest.mark.parametrize(
    ("target", "higher", "expected"), [(0.5, True, True), (0.5, False, False), (None, True, False)]
)
def test_a_value_reaches_a_target_from_its_side_and_none_where_there_is_none(
    target: float | None, higher: bool, expected: bool
) -> None:
    assert reaches(0.6, {"metric": "a", "target": target, "higher_is_better": higher, "basis": "b"}) is expected


class Median(Quality):
    """A metric that no sums give; and the slope of the model, by derivatives."""

    differentiates = True

    def __init__(self) -> None:
        self.slopes = 0.0

    def update(self, model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        inputs = batch["input"].clone().requires_grad_()
        outputs = model(inputs).sum(dim=1)
        (slope,) = torch.autograd.grad(outputs.sum(), inputs)
        self.slopes += float(slope.square().sum())
        return {"outputs": outputs, "inputs": batch["input"]}

    @property
    def counts(self) -> npt.NDArray[np.float64]:
        return np.array([self.slopes])

    def compute(self, counts: npt.NDArray[np.float64], rows: Arrays) -> dict[str, float]:
        again = rows["inputs"].sum(dtype=np.float64)
        return {"median": np.median(rows["outputs"]), "first": rows["outputs"][0], "slopes": counts[0], "inputs": again}


class Judged(Toy):
    """A toy with two evaluation sets, judged in different ways. One has more batches than a loader has buffers."""

    @functools.cached_property
    def evaluation_sets(self) -> Mapping[str, SampleSet]:
        return {"": self.evaluation_set, "far": Drawn(33, input=(6,))}

    def quality_of(self, evaluation_set: str) -> Quality:
        return Median() if evaluation_set == "far" else MeanOutput()


def measured(task: Toy, model: nn.Module, communicator: Communicator) -> dict[str, float]:
    loaders = evaluation_loaders(task, SETTINGS["evaluation_batch_size"], False, 1)  # type: ignore[arg-type]
    return evaluate(task, model, loaders, communicator, CPU, SETTINGS, Progress())


def test_metrics_of_a_named_set_carry_its_name_and_rows_come_in_order(alone: Communicator, tmp_path: Path) -> None:
    task = Judged({}, tmp_path)
    torch.manual_seed(1)
    model = task.build_model()
    found = measured(task, model, alone)
    far = torch.from_numpy(Drawn(33, input=(6,)).fields["input"])
    outputs = model(far).sum(dim=1).detach().numpy()
    assert list(found) == ["mean", "far/median", "far/first", "far/slopes", "far/inputs"]
    assert found["far/median"] == np.median(outputs) and found["far/first"] == outputs[0]
    assert found["far/slopes"] > 0


def test_rows_outlive_the_memory_of_their_batches(alone: Communicator, tmp_path: Path) -> None:
    task = Judged({}, tmp_path)
    found = measured(task, task.build_model(), alone)
    assert found["far/inputs"] == pytest.approx(Drawn(33, input=(6,)).fields["input"].sum())


def test_without_rows_and_with_one_set_there_is_what_there_was(alone: Communicator, tmp_path: Path) -> None:
    task = Toy({}, tmp_path)
    found = measured(task, task.build_model(), alone)
    assert list(found) == ["mean"]


def test_metrics_of_a_trained_model_are_added_when_it_is_one(alone: Communicator, tmp_path: Path) -> None:
    task = Concluded({}, tmp_path)
    model = task.build_model()
    loaders = evaluation_loaders(task, 4, False, 1)
    found = evaluate(task, model, loaders, alone, CPU, SETTINGS, Progress(), concluding=True)
    assert found == {**measured(task, model, alone), "samples": 17}


class Slow(MeanOutput):
    """Whose metrics take long, at every evaluation."""

    def measure(self, counts: npt.NDArray[np.float64], rows: Arrays, alive: Callable[[], None]) -> dict[str, float]:
        for _ in range(100):
            alive()
        return self.compute(counts, rows)


@pytest.mark.parametrize("concluding", [False, True])
def test_metrics_that_take_long_show_that_they_go_on(
    concluding: bool, alone: Communicator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, progress = Toy({}, tmp_path), Progress()
    monkeypatch.setattr(task, "new_quality", Slow)
    loaders = evaluation_loaders(task, 4, False, 1)
    evaluate(task, task.build_model(), loaders, alone, CPU, SETTINGS, progress, concluding=concluding)
    assert progress.changes > 100


@pytest.mark.parametrize("count", [0, 5])
def test_rows_keep_their_type(count: int, alone: Communicator) -> None:
    rows: Arrays = {"codes": np.arange(2 * count, dtype=np.float32).reshape(count, 2), "labels": np.arange(count)}
    found = rows_of_all(rows, alone)
    assert found is not None
    for name, array in rows.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype
