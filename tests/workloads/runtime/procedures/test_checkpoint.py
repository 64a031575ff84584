"""A checkpoint is gone on from only where everything is as it was, and says what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from workloads.runtime.communicators import Communicator
from workloads.runtime.procedures.checkpoint import FILE, CheckpointError, Position, restore, save
from workloads.runtime.procedures.suited import Suited

SUITED = Suited("bfloat16", channels_last=True, kernels="torch", compile=False)


def two_players() -> tuple[nn.Module, dict[str, torch.optim.Optimizer]]:
    """Two layers with momenta of their own, after one step."""
    torch.manual_seed(2)
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    optimizers: dict[str, torch.optim.Optimizer] = {
        "first": torch.optim.Adam(model[0].parameters()),
        "last": torch.optim.LBFGS(model[2].parameters(), line_search_fn="strong_wolfe"),
    }
    inputs = torch.randn(8, 3)

    def loss() -> float:
        model.zero_grad()
        value = model(inputs).square().mean()
        value.backward()
        return float(value.detach())

    for optimizer in optimizers.values():
        optimizer.step(loss)
    return model, optimizers


def test_what_was_saved_comes_back_with_every_players_optimiser(alone: Communicator, tmp_path: Path) -> None:
    model, optimizers = two_players()
    save(tmp_path, "identity", SUITED, Position(epoch=3, items=99), model, optimizers, alone)
    drawn = torch.rand(4)
    other = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    empty: dict[str, torch.optim.Optimizer] = {
        "first": torch.optim.Adam(other[0].parameters()),
        "last": torch.optim.LBFGS(other[2].parameters(), line_search_fn="strong_wolfe"),
    }
    position = restore(tmp_path, "identity", SUITED, other, empty, alone)
    assert (position.epoch, position.items) == (3, 99)
    assert torch.equal(torch.rand(4), drawn)
    for name, tensor in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor)
    for name, optimizer in optimizers.items():
        saved, found = (one.state_dict()["state"] for one in (optimizer, empty[name]))
        assert repr(found) == repr(saved)


def test_of_an_unfused_adam_the_moments_go_to_the_device_and_the_step_counts_stay_in_host_memory(
    alone: Communicator, tmp_path: Path
) -> None:
    """Of a count on an accelerator each later step asks for its value, and waits."""
    model, optimizers = two_players()
    save(tmp_path, "identity", SUITED, Position(), model, optimizers, alone)
    # "meta" stands for the accelerator.
    other = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 1)).to("meta")
    adam = torch.optim.Adam(other[0].parameters(), fused=False)
    restore(tmp_path, "identity", SUITED, other, {"first": adam}, alone)
    (weight, *_) = adam.param_groups[0]["params"]
    places = {name: tensor.device.type for name, tensor in adam.state[weight].items()}
    assert places == {"step": "cpu", "exp_avg": "meta", "exp_avg_sq": "meta"}


def test_there_may_be_nothing_to_go_on_from(alone: Communicator, tmp_path: Path) -> None:
    model, optimizers = two_players()
    assert restore(tmp_path, "identity", SUITED, model, optimizers, alone) == Position()


def test_other_hardware_is_told_what_differs(alone: Communicator, tmp_path: Path) -> None:
    model, optimizers = two_players()
    save(tmp_path, "identity", SUITED, Position(), model, optimizers, alone)
    here = replace(SUITED, precision="float32", channels_last=False)
    told = r"precision was bfloat16, is float32 here, channels_last was True, is False here; go on where the run began"
    with pytest.raises(CheckpointError, match=told):
        restore(tmp_path, "identity", here, model, optimizers, alone)


def test_another_configuration_or_a_damaged_file_is_refused(alone: Communicator, tmp_path: Path) -> None:
    model, optimizers = two_players()
    save(tmp_path, "identity", SUITED, Position(), model, optimizers, alone)
    with pytest.raises(CheckpointError, match="belongs to a run with another configuration"):
        restore(tmp_path, "another", SUITED, model, optimizers, alone)
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cannot be read"):
        restore(tmp_path, "identity", SUITED, model, optimizers, alone)
