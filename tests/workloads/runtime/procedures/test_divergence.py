"""A model whose numbers are none is refused before its quality is believed, and nobody's record holds one of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from commands import Command
from torch import nn

from orchestrator.cli.common import worst_exit_code
from workloads.runtime.errors import DivergedError
from workloads.runtime.measurement.progress import Progress
from workloads.runtime.procedures.divergence import refuse_divergence


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


def test_a_heartbeat_holds_no_number_that_json_lacks() -> None:
    beat = Progress(samples_per_s=math.inf, quality=math.nan).heartbeat()
    assert beat["quality"] is None and math.isfinite(beat["samples_per_s"])


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
        "benchmark=em_denoise", "benchmark.pictures=false",
        *(f"benchmark.dataset.{word}" for word in words), *(f"benchmark.training.{word}" for word in training),
    )  # fmt: skip
    assert answer.code == 2, answer.out + answer.err
    assert "after step 1: the model diverged" in answer.out
