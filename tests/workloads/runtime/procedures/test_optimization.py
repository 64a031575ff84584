"""Learning rate rules and schedules, by their published formulas."""

import pytest
import torch

from workloads.runtime.procedures.optimization import LearningRate, batch_scaling, build_optimizer, is_fused, set_rate


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


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("name", ["sgd", "adam", "adamw"])
def test_every_optimiser_takes_a_step_down(name: str, fused: bool) -> None:
    torch.manual_seed(0)
    model = torch.nn.Linear(4, 1)
    settings = {
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
        losses.append(float(loss))
    assert losses[-1] < losses[0]


def test_an_optimiser_that_torch_has_no_fused_kernel_for_does_without() -> None:
    model = torch.nn.Linear(4, 1, dtype=torch.complex64)
    settings = {"name": "adamw", "learning_rate": 0.01, "weight_decay": 0.0, "betas": [0.9, 0.999], "fused": True}
    assert not is_fused(build_optimizer(model, settings))
