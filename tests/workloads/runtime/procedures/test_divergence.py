"""A model whose numbers are none is refused before its quality is believed, and nobody's record holds one of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from commands import Command
from torch import Tensor, nn

from orchestrator.cli.common import worst_exit_code
from orchestrator.records import RecordError, read_json
from workloads.runtime.errors import DivergedError, MetricError
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.procedures.divergence import Answers, refuse_divergence, refuse_state


def model(weight: float = 1.0) -> nn.Module:
    made = nn.Linear(2, 1)
    nn.init.constant_(made.weight, weight)
    return made


@pytest.mark.parametrize(
    ("value", "loss", "weight", "message"),
    [
        (math.nan, 1.0, math.nan, "psnr is not a number after step 1: the model diverged"),
        (math.inf, 1.0, 1.0, "psnr is infinite after step 1: the model diverged"),
        (0.2, math.inf, 1.0, "the loss is not a number after step 1: the model diverged"),
        (0.2, 1.0, math.nan, "the weights weight are not numbers after step 1: the model diverged"),
        (0.2, 1.0, math.inf, "the weights weight are not numbers after step 1: the model diverged"),
    ],
)
def test_a_diverged_model_is_refused_by_what_is_no_number(
    value: float, loss: float, weight: float, message: str
) -> None:
    with pytest.raises(DivergedError, match=message):
        refuse_divergence("psnr", {"psnr": value}, torch.tensor([loss]), model(weight), "after step 1")


def test_a_model_of_finite_numbers_passes() -> None:
    refuse_divergence("psnr", {"psnr": 0.2}, torch.tensor(1.0), model(), "after step 1")


def test_a_metric_that_there_is_none_of_is_named_with_those_that_there_are() -> None:
    with pytest.raises(MetricError, match=r"quality.metric is 'pnsr'; this run has far/psnr, psnr"):
        refuse_divergence("pnsr", {"psnr": 0.2, "far/psnr": 0.1}, None, model(), "after step 1")


class Scores(nn.Module):
    """A trunk and a head, of which a method may call either by itself."""

    def __init__(self, answer: float) -> None:
        super().__init__()
        self.trunk = nn.Identity()
        self.answer = answer

    def forward(self, batch: Tensor) -> dict[str, Any]:
        return {"scores": [self.trunk(batch) * self.answer], "count": 3}


@pytest.mark.parametrize(("answer", "batch", "fits"), [(1.0, 1.0, True), (math.nan, 1.0, False), (1.0, 3e38, True)])
def test_what_a_model_answers_is_looked_at_beside_a_metric_that_is_finite(
    answer: float, batch: float, fits: bool
) -> None:
    """A classifier whose scores are no numbers always says the first class, and macro F1 is a number of that."""
    network = Scores(answer)
    with Answers(network, "after step 1") as answers:
        network(torch.full((2, 3), batch))
    assert answers.finite == fits
    if not fits:
        with pytest.raises(DivergedError, match="what the model predicts is not numbers after step 1"):
            refuse_divergence("macro_f1", {"macro_f1": 0.04}, torch.tensor([2.1]), network, "after step 1", answers)
    network(torch.full((2, 3), math.inf))
    assert answers.finite == fits, "the context has ended"


def test_a_metric_that_fails_of_what_is_no_number_is_the_divergence_and_of_numbers_its_own_error() -> None:
    """Histograms of codes, eigenvalues: each has its own words for it."""
    for answer, kind in ((math.nan, DivergedError), (1.0, ValueError)):
        network = Scores(answer)
        words = "not numbers after step 1" if kind is DivergedError else "negative dim"
        with pytest.raises(kind, match=words), Answers(network, "after step 1"):
            network(torch.ones(2, 3))
            raise ValueError("negative dimensions are not allowed")


def test_a_part_of_a_model_that_is_called_by_itself_is_looked_at_too_however_deep_it_is() -> None:
    part = Scores(1.0)
    for network in (part, nn.ModuleDict({"generator": part, "judge": nn.Identity()})):
        with Answers(network, "after step 1") as answers:
            part.trunk(torch.tensor([math.inf]))
        assert not answers.finite


def test_no_checkpoint_replaces_a_good_one_with_what_is_no_number() -> None:
    statistics = nn.BatchNorm1d(2)
    assert statistics.running_var is not None
    statistics.running_var[0] = math.nan
    with pytest.raises(DivergedError, match="the statistics running_var are not numbers after step 8"):
        refuse_state(None, statistics, "after step 8")


def test_a_number_that_json_writes_and_no_float_holds_is_refused_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text('{"energy": {"j": 1e999}}')
    with pytest.raises(RecordError, match=r"result\.json cannot be read: 1e999 is too great a number"):
        read_json(tmp_path / "result.json")


def test_a_heartbeat_holds_no_number_that_json_lacks() -> None:
    beat = Progress(samples_per_s=math.inf, quality=math.nan, target=-math.inf).heartbeat()
    assert beat["quality"] is beat["target"] is None and math.isfinite(beat["samples_per_s"])


def test_a_diverged_run_is_a_wrong_answer_and_another_failure_is_not() -> None:
    cause = "rank 0 on n1: DivergedError: psnr is not a number: the model diverged"
    diverged: Any = {"state": "failed", "cause": cause}
    full: Any = {"state": "failed", "cause": "rank 0 on n1: OSError: full"}
    assert worst_exit_code([diverged]) == 2
    assert worst_exit_code([diverged, full]) == 1


@pytest.mark.ranks
def test_a_person_reads_that_the_model_diverged(orchestrator: Command) -> None:
    words = ["preset=tiny", "pixels=64", "training_images=4", "evaluation_images=4", "inference_images=1"]
    training = ["batch_size=4", "optimizer.learning_rate=1e38", "max_steps=1"]
    answer = orchestrator(
        "benchmark=em_denoise", "benchmark.pictures=false", "benchmark.count_work=false", "cluster.threads_per_rank=1",
        *(f"benchmark.dataset.{word}" for word in words), *(f"benchmark.training.{word}" for word in training),
    )  # fmt: skip
    assert answer.code == 2, answer.out + answer.err
    assert "after step 1: the model diverged" in answer.out
