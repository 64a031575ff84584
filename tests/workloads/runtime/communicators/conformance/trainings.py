"""Checks of whole trainings: what they end at, and which player moves."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from toys import Adversarial, train, trainer_of

from conformance.models import DEVICE, SMALL_BUCKETS, Perceptron, everywhere_alike, samples, seeded
from workloads.runtime.communicators import Communicator, GradientReducer, Timings
from workloads.runtime.communicators.buckets import FlatReducer
from workloads.runtime.procedures.players import Share, in_turn
from workloads.runtime.task import Step


def five_steps_of_training(communicator: Communicator) -> list[float]:
    """The parameters after five steps; pytest compares them between communicators and with one process."""
    model = seeded(Perceptron, 9 + communicator.rank).double()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    communicator.broadcast_state(model, {"model": optimizer})
    reducer = communicator.reducer(model, DEVICE, bucket_bytes=SMALL_BUCKETS)
    inputs, targets = samples(8, torch.float64)
    count = 8 // communicator.size
    part = slice(count * communicator.rank, count * (communicator.rank + 1))
    for _ in range(5):
        optimizer.zero_grad()
        reducer.backward(functional.mse_loss(reducer.module(inputs[part]), targets[part]))
        optimizer.step()
    alike = everywhere_alike(communicator, list(model.parameters()))
    assert alike, "the ranks' models have drifted apart"
    return torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()]).tolist()


def trained(toy: str, communicator: Communicator) -> list[float]:
    """What training the toy on all ranks ends at, which must be the same on each."""
    with tempfile.TemporaryDirectory() as folder:
        found = train(toy, communicator, Path(folder), DEVICE)
    alike = everywhere_alike(communicator, [torch.tensor(found, dtype=torch.float64)])
    assert alike, "the ranks' models have drifted apart"
    return found


def training_of_coupled(communicator: Communicator) -> list[float]:
    """A loss over the global batch's covariance, and of each sample against all others."""
    return trained("coupled", communicator)


def training_of_derivatives(communicator: Communicator) -> list[float]:
    """A loss of second and fourth derivatives, which leaves the last bias out."""
    return trained("derivatives", communicator)


def training_of_adversarial(communicator: Communicator) -> list[float]:
    """Two players, and parameters that belong to neither."""
    return trained("adversarial", communicator)


def training_of_second_order(communicator: Communicator) -> list[float]:
    """L-BFGS, whose line search must go equally far on every rank."""
    return trained("second_order", communicator)


def training_of_tokens(communicator: Communicator) -> list[float]:
    """Samples that hold different numbers of items, and are drawn anew in each epoch."""
    return trained("tokens", communicator)


def resting_player_neither_moves_nor_sends(communicator: Communicator) -> None:
    """While the critic moves, what the generator has stays as it is, to the bit."""
    with tempfile.TemporaryDirectory() as folder:
        task = Adversarial({}, Path(folder))
        trainer = trainer_of(task, communicator, Path(folder), DEVICE)
    generator, critic = trainer.stepper.movers
    batch = {name: torch.from_numpy(field).to(DEVICE) for name, field in task.training_set.fields.items()}
    started = {mover.player.name: messages_of(mover.reducer) for mover in trainer.stepper.movers}
    before = [parameter.clone() for parameter in generator.parameters]
    moving = [parameter.clone() for parameter in critic.parameters]
    for mover in in_turn(trainer.stepper.movers):
        if mover is critic:
            share = Share(batch, 1.0, Step(), last=True)
            mover.move(trainer.model, 0.1, None, nullcontext(), lambda: iter([share]))  # noqa: B023
    assert all(map(torch.equal, generator.parameters, before))
    assert all(parameter.grad is None for parameter in generator.parameters)
    assert not generator.optimizer.state and generator.reducer.timings == Timings() and not started["generator"]
    assert not any(map(torch.equal, critic.parameters, moving))
    assert critic.reducer.timings != Timings()
    # One rank sends nothing, and what torch's own reducer sends cannot be listened to.
    assert started["critic"] or not isinstance(critic.reducer, FlatReducer)


def messages_of(reducer: GradientReducer) -> list[str]:
    """Will hold the names of all messages that the reducer starts: torch's own cannot be listened to."""
    names: list[str] = []
    if isinstance(reducer, FlatReducer):
        start = reducer._transport.start

        def listening(tensor: Tensor, name: str) -> None:
            names.append(name)
            start(tensor, name)

        reducer._transport.start = listening  # type: ignore[method-assign]
    return names
