"""What a training step is said to take, against what can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toys import Adversarial, SecondOrder

from workloads.runtime.procedures.arithmetic import step_work
from workloads.runtime.task import Arrays, Batch, Quality, SampleSet, Step, Task

CPU = torch.device("cpu")
SETTINGS: Any = {
    "precision": "float32",
    "channels_last": False,
    "accumulate": 1,
    "optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.0, "weight_decay": 0.0, "fused": True},
}


class Numbers(SampleSet):
    """Samples of random numbers of one shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def __len__(self) -> int:
        return 100

    def read(self, indices: Any, out: Arrays | None = None) -> Arrays:
        return {"input": np.random.default_rng(1).standard_normal((len(indices), *self.shape), np.float32)}


class Sums(Task):
    """The sum of what a model makes of its inputs, as a loss."""

    def __init__(self, shape: tuple[int, ...], build: Callable[[], nn.Module]) -> None:
        settings: Any = {}
        super().__init__(settings, Path())
        self.samples, self.build_model = Numbers(shape), build  # type: ignore[method-assign]

    @property
    def training_set(self) -> SampleSet:
        return self.samples

    evaluation_set = training_set

    def build_model(self) -> nn.Module:
        raise NotImplementedError

    def loss(self, model: nn.Module, batch: Batch, step: Step) -> Tensor:
        total: Tensor = model(batch["input"]).float().sum()
        return total

    def new_quality(self) -> Quality:
        raise NotImplementedError

    def predict(self, model: nn.Module, batch: Batch) -> Tensor:
        raise NotImplementedError

    def draw(self, model: nn.Module, device: torch.device, path: Path) -> None:
        raise NotImplementedError


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_layer_counts_thrice_but_for_the_first_whose_input_wants_no_gradient(precision: str) -> None:
    task = Sums((30,), lambda: nn.Sequential(nn.Linear(30, 20, bias=False), nn.Linear(20, 5, bias=False)))
    work = step_work(task, SETTINGS | {"precision": precision}, 8, CPU)
    assert (work.samples, work.flop) == (8, 2 * 8 * (2 * 30 * 20 + 3 * 20 * 5))


def test_work_is_told_of_as_many_items_as_throughput_counts() -> None:
    class Tokens(Numbers):
        def items(self, indices: Any) -> Any:
            return 10 + indices

    task = Sums((30,), lambda: nn.Linear(30, 20, bias=False))
    plain = step_work(task, SETTINGS, 3, CPU)
    task.samples = Tokens((30,))
    work = step_work(task, SETTINGS, 3, CPU)
    assert (work.samples, work.flop) == (10 + 11 + 12, plain.flop)


def test_a_convolution_counts_every_product_at_every_place() -> None:
    task = Sums((3, 12, 12), lambda: nn.Conv2d(3, 7, 5, bias=False))
    assert step_work(task, SETTINGS, 4, CPU).flop == 2 * (2 * 4 * 7 * 3 * 5 * 5 * 8 * 8)


def test_every_operand_is_read_and_every_result_written_once() -> None:
    class Weighted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1000))

        def forward(self, inputs: Tensor) -> Tensor:
            return inputs * self.weight

    parameter, activations, scalar = 4 * 1000, 4 * 16 * 1000, 4
    forward = (2 * activations + parameter) + (activations + scalar)
    # The gradient from which all begins; that of the weight, sample by sample, from one number that stands for all;
    # its sum over the samples; and the optimiser, which reads weight and gradient and may change both.
    backward = 2 * scalar + (scalar + 2 * activations) + (activations + parameter) + 4 * parameter
    work = step_work(Sums((1000,), Weighted), SETTINGS, 16, CPU)
    assert (work.flop, work.bytes) == (0, forward + backward)


def test_counting_draws_no_random_number_and_takes_data_dependent_initialisation() -> None:
    def build() -> nn.Module:
        layer = nn.Linear(30, 20)
        nn.init.trunc_normal_(layer.weight, std=0.1)
        return layer

    before = torch.random.get_rng_state()
    step_work(Sums((30,), build), SETTINGS, 8, CPU)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_bfloat16_moves_fewer_bytes_and_the_optimisers_state_counts() -> None:
    task = Sums((64, 16, 16), lambda: nn.Sequential(nn.Conv2d(64, 64, 3), nn.ReLU(), nn.Conv2d(64, 64, 3)))
    whole = step_work(task, SETTINGS, 32, CPU)
    half = step_work(task, SETTINGS | {"precision": "bfloat16", "channels_last": True}, 32, CPU)
    assert half.flop == whole.flop and half.bytes < whole.bytes
    adam = {"name": "adam", "learning_rate": 0.1, "betas": [0.9, 0.99], "weight_decay": 0.0, "fused": True}
    more = step_work(task, SETTINGS | {"optimizer": adam}, 32, CPU).bytes - whole.bytes
    # Two moments are read and written.
    assert more == pytest.approx(4 * sum(parameter.nbytes for parameter in task.build_model().parameters()), rel=0.01)


def test_a_step_of_several_micro_batches_counts_each_and_the_optimisers_part_once() -> None:
    task = Sums((64,), lambda: nn.Linear(64, 64, bias=False))
    adam = {"name": "adam", "learning_rate": 0.1, "betas": [0.9, 0.99], "weight_decay": 0.0, "fused": True}
    settings = SETTINGS | {"optimizer": adam}
    one, eight = (step_work(task, settings | {"accumulate": parts}, 4, CPU) for parts in (1, 8))
    assert (eight.samples, eight.flop) == (8 * one.samples, 8 * one.flop)
    # The optimiser reads and writes weight, gradient and two moments; a further micro-batch adds to the gradient, for
    # which it reads that and its own, and writes the sum.
    optimizer, addition = 8 * 4 * 64 * 64, 3 * 4 * 64 * 64
    assert 8 * one.bytes - eight.bytes == pytest.approx(7 * (optimizer - addition), rel=1e-3)


def test_players_count_what_each_takes_in_its_turn() -> None:
    settings: Any = {**asdict(Adversarial.training), "channels_last": False}
    found = step_work(Adversarial({}, Path()), settings, 8, CPU)
    # Products of the generator's two layers and the critic's, for one sample.
    g1, g2, c1, c2 = 2 * 8, 8 * 6, 6 * 8, 8 * 1
    # The generator learns through the critic, whose weights rest; the critic sees real samples and made ones.
    generator = 2 * g1 + 3 * g2 + 2 * (c1 + c2)
    critic = (g1 + g2) + 2 * (2 * c1 + 3 * c2)
    assert found.flop == 2 * 8 * (generator + critic)


def test_an_optimiser_that_decides_how_often_to_ask_for_the_loss_has_no_fixed_work() -> None:
    settings: Any = {**asdict(SecondOrder.training), "channels_last": False}
    with pytest.raises(ValueError, match="has no fixed work a step"):
        step_work(SecondOrder({}, Path()), settings, 8, CPU)
