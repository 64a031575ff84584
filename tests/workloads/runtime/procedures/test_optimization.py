"""Learning rate rules and schedules, by their published formulas."""

import subprocess
import sys
from dataclasses import asdict
from typing import Any

import pytest
import torch
from commands import PROJECT

from orchestrator.config.schema_benchmark import OptimizerConfig
from workloads.runtime.procedures.optimization import (
    LearningRate,
    batch_scaling,
    build_optimizer,
    decides_by_loss,
    eager,
    is_fused,
    set_rate,
)


@pytest.mark.parametrize(("rule", "factor"), [("none", 1.0), ("linear", 8.0), ("sqrt", 8**0.5)])
def test_the_learning_rate_grows_with_the_global_batch_by_rule(rule: str, factor: float) -> None:
    assert batch_scaling(rule, 256, 32) == pytest.approx(factor)


def test_warm_up_is_linear_and_reaches_the_peak() -> None:
    rate = LearningRate(peak=1.0, warmup_steps=4, total_steps=20, schedule="constant")
    assert [rate.at(step) for step in range(6)] == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0]


def test_the_cosine_falls_to_a_hundredth() -> None:
    rate = LearningRate(peak=1.0, warmup_steps=0, total_steps=10, schedule="cosine")
    assert rate.at(0) == pytest.approx(1.0)
    assert rate.at(10) == pytest.approx(0.01)
    assert all(rate.at(step) > rate.at(step + 1) for step in range(10))


def test_the_step_schedule_falls_at_once_and_the_inverse_time_one_little_by_little() -> None:
    step = LearningRate(1.0, 2, 20, "step", decay_steps=4, decay_factor=0.5)
    assert [step.at(number) for number in (1, 2, 5, 6, 10)] == [1.0, 1.0, 1.0, 0.5, 0.25]
    inverse = LearningRate(1.0, 0, 20, "inverse_time", decay_steps=4, decay_factor=0.5)
    assert [inverse.at(number) for number in (0, 4, 8, 16)] == pytest.approx([1, 1 / 1.5, 1 / 2, 1 / 3])


def test_one_cycle_is_torchs() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=40, cycle_momentum=False)
    rate = LearningRate(0.5, 0, 40, "one_cycle")
    for number in range(40):
        assert rate.at(number) == pytest.approx(reference.get_last_lr()[0], rel=1e-9), number
        optimizer.step()
        if number < 39:
            reference.step()


def test_lbfgs_solves_in_a_step_what_adam_only_begins() -> None:
    torch.manual_seed(0)
    inputs = torch.randn(64, 4, dtype=torch.float64)
    outputs = inputs @ torch.tensor([[1.0], [2.0], [-3.0], [0.5]], dtype=torch.float64) + 0.25
    model = torch.nn.Linear(4, 1).double()
    settings: Any = {**asdict(OptimizerConfig(name="lbfgs", learning_rate=1.0)), "fused": True}
    optimizer = build_optimizer(model, settings)
    assert not is_fused(optimizer) and decides_by_loss(optimizer)

    def loss() -> float:
        optimizer.zero_grad()
        value = ((model(inputs) - outputs) ** 2).mean()
        value.backward()
        return float(value.detach())

    optimizer.step(loss)
    assert loss() < 1e-8


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimiser_takes_a_step_down(name: str, fused: bool) -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    settings: Any = {
        "name": name, "learning_rate": 0.01, "weight_decay": 0.0, "momentum": 0.9, "betas": [0.9, 0.999],
        "fused": fused,
    }  # fmt: skip
    optimizer = build_optimizer(model, settings)
    assert is_fused(optimizer) == fused
    set_rate(optimizer, 0.05)
    inputs, outputs = torch.randn(32, 4), torch.randn(32, 1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((model(inputs) - outputs) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_weight_decay_leaves_alone_what_is_not_to_decay(decay: float) -> None:
    model = torch.nn.Linear(2, 2)
    torch.nn.init.ones_(model.weight)
    torch.nn.init.ones_(model.bias)
    settings: Any = {"name": "adamw", "learning_rate": 0.1, "weight_decay": decay, "betas": [0.9, 0.999], "fused": True}
    optimizer = build_optimizer(model, settings, [model.bias])
    set_rate(optimizer, 0.2)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert is_fused(optimizer)
    assert torch.allclose(model.weight, torch.tensor(1 - 0.2 * decay)) and bool((model.bias == 1).all())


def test_an_optimiser_that_torch_has_no_fused_kernel_for_does_without() -> None:
    model = torch.nn.Linear(4, 1, dtype=torch.complex64)
    settings: Any = {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.0, "betas": [0.9, 0.999], "fused": True}
    assert not is_fused(build_optimizer(model, settings))


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.LBFGS])
def test_an_eager_optimiser_computes_what_torchs_own_computes(kind: type[torch.optim.Optimizer]) -> None:
    parameters = [torch.linspace(-1, 1, 6).requires_grad_() for _ in range(2)]
    own, made = kind([parameters[0]], lr=0.1), eager(kind)([parameters[1]], lr=0.1)  # type: ignore[call-arg]
    for _ in range(3):
        for parameter, optimizer in zip(parameters, (own, made), strict=True):

            def loss(parameter: torch.Tensor = parameter, optimizer: torch.optim.Optimizer = optimizer) -> float:
                optimizer.zero_grad()
                value = (parameter**4).sum()
                value.backward()
                return float(value.detach())

            loss()
            optimizer.step(loss)
    assert torch.equal(*parameters)
    assert str(own.state_dict()) == str(made.state_dict())
    assert isinstance(made, kind)


def test_a_step_of_an_eager_optimiser_imports_no_compiler() -> None:
    program = """
import sys, torch
from workloads.runtime.procedures.optimization import eager
parameter = torch.ones(3, requires_grad=True)
for kind in (torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD, torch.optim.LBFGS):
    optimizer = eager(kind)([parameter], lr=0.1)
    parameter.grad = torch.ones(3)
    optimizer.step(lambda: parameter.grad.sum())
    optimizer.load_state_dict(optimizer.state_dict())
    optimizer.zero_grad()
print([name for name in sys.modules if name.startswith("torch._dynamo")])
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
