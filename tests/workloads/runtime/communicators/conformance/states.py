"""Checks of what all ranks must hold alike: parameters, buffers, an optimiser's moments."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from conformance.models import DEVICE, Perceptron, channels_last, everywhere_alike, samples, seeded
from workloads.runtime.communicators import Communicator


def same_initial_state(communicator: Communicator) -> None:
    """Ranks that seeded differently hold rank 0's parameters and buffers, whatever the layout."""

    def build() -> nn.Module:
        norm = nn.BatchNorm2d(8)
        assert norm.running_mean is not None
        norm.running_mean.normal_()
        return channels_last(nn.Sequential(nn.Conv2d(3, 8, 3), norm))

    model = seeded(build, 100 + communicator.rank)
    communicator.broadcast_state(model)
    expected = seeded(build, 100).state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
    assert next(model.parameters()).is_contiguous(memory_format=torch.channels_last)


def broadcast_of_every_type(communicator: Communicator) -> None:
    rank = communicator.rank
    tensors = [
        torch.full((3, 2), float(rank), dtype=torch.float64).T,
        torch.tensor(rank + 5),
        torch.tensor([rank == 0, rank != 0]),
        torch.full((7,), rank, dtype=torch.bfloat16),
        torch.empty(0, 4),
        torch.full((5,), rank, dtype=torch.uint8),
    ]
    tensors = [tensor.to(DEVICE) for tensor in tensors]
    communicator.broadcast(tensors, root=communicator.size - 1)
    last = communicator.size - 1
    assert (tensors[0] == last).all() and tensors[0].dtype == torch.float64
    assert tensors[1].item() == last + 5
    assert tensors[2].tolist() == [last == 0, last != 0]
    assert (tensors[3] == last).all() and (tensors[5] == last).all()


def broadcast_of_optimizer_state(communicator: Communicator) -> None:
    """Only rank 0 has taken steps: afterwards all have its moments and its step count."""
    model = seeded(Perceptron, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if communicator.rank == 0:
        inputs, targets = samples(8)
        for _ in range(3):
            optimizer.zero_grad()
            functional.mse_loss(model(inputs), targets).backward()
            optimizer.step()
    communicator.broadcast_state(model, {"model": optimizer})
    moments = [state[key] for state in optimizer.state.values() for key in ("exp_avg", "exp_avg_sq", "step")]
    alike = everywhere_alike(communicator, moments + list(model.parameters()))
    assert alike
    assert len(optimizer.state) == 6
    assert all(state["step"].item() == 3 for state in optimizer.state.values())
    assert all((state["exp_avg_sq"] >= 0).all() for state in optimizer.state.values())
    optimizer.zero_grad()
    model(samples(4)[0]).sum().backward()
    optimizer.step()  # the state that was received can be gone on from


def mean_of_buffers(communicator: Communicator) -> None:
    model = nn.BatchNorm2d(4).to(DEVICE)
    assert model.running_mean is not None and model.running_var is not None
    model.running_mean.fill_(float(communicator.rank))
    model.running_var.fill_(2.0 * communicator.rank)
    communicator.mean_buffers(model)
    middle = (communicator.size - 1) / 2
    assert model.running_mean.tolist() == [middle] * 4
    assert model.running_var.tolist() == [2 * middle] * 4
