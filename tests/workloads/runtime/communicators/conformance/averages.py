"""Checks of averaged gradients: those of the ranks' shares are those of the global batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from conformance.models import (
    DEVICE,
    SMALL_BUCKETS,
    Perceptron,
    assert_close,
    channels_last,
    everywhere_alike,
    gradients,
    samples,
    seeded,
)
from workloads.runtime.communicators import Communicator


def shares(total: int, size: int) -> list[slice]:
    """Shares of 0 … total, as unequal as can be: the first rank has none."""
    bounds = [0, 0] + [total * rank // (size - 1) for rank in range(1, size)] if size > 1 else [0, total]
    return [slice(bounds[rank], bounds[rank + 1]) for rank in range(size)]


def backward_share(
    communicator: Communicator, dtype: torch.dtype, micro_batches: int = 1, compress: bool = False
) -> list[Tensor]:
    """The averaged gradients of this communicator's ranks, each with an equal share of the global batch."""
    model = seeded(Perceptron, 3).to(dtype)
    reducer = communicator.reducer(model, DEVICE, bucket_bytes=SMALL_BUCKETS, compress=compress)
    inputs, targets = samples(4 * micro_batches * communicator.size, dtype)
    for _ in range(3):  # the first steps are those in which buckets are laid out
        model.zero_grad(set_to_none=True)
        mine = range(communicator.rank * micro_batches, (communicator.rank + 1) * micro_batches)
        for number in mine:
            part = slice(4 * number, 4 * number + 4)
            loss = functional.mse_loss(reducer.module(inputs[part]), targets[part]) / micro_batches
            reducer.backward(loss, last=number == mine[-1])
    return gradients(model)


def backward_whole(size: int, dtype: torch.dtype, micro_batches: int = 1) -> list[Tensor]:
    """The gradients of one process that has the whole global batch."""
    model = seeded(Perceptron, 3).to(dtype)
    inputs, targets = samples(4 * micro_batches * size, dtype)
    functional.mse_loss(model(inputs), targets).backward()
    return gradients(model)


def gradients_of_the_global_batch_float32(communicator: Communicator) -> None:
    found = backward_share(communicator, torch.float32)
    assert_close(found, backward_whole(communicator.size, torch.float32), rtol=1e-5, atol=1e-7)


def gradients_of_the_global_batch_float64(communicator: Communicator) -> None:
    found = backward_share(communicator, torch.float64)
    assert_close(found, backward_whole(communicator.size, torch.float64), rtol=1e-12, atol=1e-15)


def gradients_of_half_precision(communicator: Communicator) -> None:
    found = backward_share(communicator, torch.bfloat16)
    assert all(gradient.dtype == torch.bfloat16 for gradient in found)
    assert_close(found, backward_whole(communicator.size, torch.bfloat16), rtol=0.05, atol=0.02)


def compressed_gradients_are_close(communicator: Communicator) -> None:
    """To the eight bits that bfloat16 has, and the same on every rank; what is not float32 is not compressed."""
    for dtype, tolerance in ((torch.float32, 2**-7), (torch.float64, 1e-10)):
        found = backward_share(communicator, dtype, compress=True)
        expected = backward_whole(communicator.size, dtype)
        largest = max(float(gradient.abs().max()) for gradient in expected)
        assert_close(found, expected, rtol=tolerance, atol=tolerance * largest)
        assert everywhere_alike(communicator, found), "the ranks' gradients differ"


def gradients_of_mixed_types(communicator: Communicator) -> None:
    """Parameters of two types in one model go into buckets of their own."""

    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(6, 5), nn.Linear(5, 3).double()

        def forward(self, inputs: Tensor) -> Tensor:
            outputs: Tensor = self.last(self.first(inputs).double())
            return outputs

    model, alone = seeded(Mixed, 2), seeded(Mixed, 2)
    reducer = communicator.reducer(model, DEVICE)
    inputs, targets = samples(2 * communicator.size)
    part = slice(2 * communicator.rank, 2 * communicator.rank + 2)
    reducer.backward(functional.mse_loss(reducer.module(inputs[part]), targets[part].double()))
    functional.mse_loss(alone(inputs), targets.double()).backward()
    assert_close(gradients(model), gradients(alone), rtol=1e-5, atol=1e-7)


def uneven_last_batch(communicator: Communicator) -> None:
    """Ranks with batches of different sizes, one with none, weigh their mean losses by n_local · R / n_global."""
    for total in (7, 2):
        model, alone = seeded(Perceptron, 4).double(), seeded(Perceptron, 4).double()
        reducer = communicator.reducer(model, DEVICE, bucket_bytes=SMALL_BUCKETS)
        inputs, targets = samples(total, torch.float64)
        mine = shares(total, communicator.size)[communicator.rank]
        count = mine.stop - mine.start
        # A rank without samples still goes through the model, with any sample at all and a weight of zero.
        part = mine if count else slice(0, 1)
        loss = functional.mse_loss(reducer.module(inputs[part]), targets[part])
        reducer.backward(loss * (count * communicator.size / total))
        functional.mse_loss(alone(inputs), targets).backward()
        assert_close(gradients(model), gradients(alone), rtol=1e-12, atol=1e-15)


def gradient_accumulation(communicator: Communicator) -> None:
    found = backward_share(communicator, torch.float64, micro_batches=3)
    assert_close(found, backward_whole(communicator.size, torch.float64, 3), rtol=1e-12, atol=1e-15)


def gradients_zeroed_in_place(communicator: Communicator) -> None:
    """zero_grad(set_to_none=False) keeps the gradients' memory: the next step must not be the worse for it."""
    model, alone = seeded(Perceptron, 5).double(), seeded(Perceptron, 5).double()
    reducer = communicator.reducer(model, DEVICE, bucket_bytes=SMALL_BUCKETS)
    inputs, targets = samples(4 * communicator.size, torch.float64)
    part = slice(4 * communicator.rank, 4 * communicator.rank + 4)
    for _ in range(3):
        model.zero_grad(set_to_none=False)
        reducer.backward(functional.mse_loss(reducer.module(inputs[part]), targets[part]))
    functional.mse_loss(alone(inputs), targets).backward()
    assert_close(gradients(model), gradients(alone), rtol=1e-12, atol=1e-15)


def channels_last_keeps_its_strides(communicator: Communicator) -> None:
    def build() -> nn.Module:
        model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3))
        return channels_last(model.double())

    model, alone = seeded(build, 6), seeded(build, 6)
    reducer = communicator.reducer(model, DEVICE, bucket_bytes=SMALL_BUCKETS)
    generator = torch.Generator().manual_seed(8)
    images = torch.randn(2 * communicator.size, 3, 9, 9, generator=generator, dtype=torch.float64).to(DEVICE)
    for _ in range(2):
        model.zero_grad()
        part = images[2 * communicator.rank : 2 * communicator.rank + 2].to(memory_format=torch.channels_last)
        reducer.backward(reducer.module(part).square().mean())
    # Batch statistics are each rank's own, so the reference averages over the ranks' batches one by one.
    for number in range(communicator.size):
        batch = images[2 * number : 2 * number + 2].to(memory_format=torch.channels_last)
        (alone(batch).square().mean() / communicator.size).backward()
    assert_close(gradients(model), gradients(alone), rtol=1e-11, atol=1e-14)
    for parameter in model.parameters():
        assert parameter.grad is not None and parameter.grad.stride() == parameter.stride()


def unused_parameter(communicator: Communicator) -> None:
    """A parameter that rank 0 alone leaves out, and one that all leave out, in a step after one that used all."""
    model, alone = seeded(Perceptron, 7).double(), seeded(Perceptron, 7).double()
    reducer = communicator.reducer(model, DEVICE, bucket_bytes=SMALL_BUCKETS, unused_parameters=True)
    inputs, targets = samples(4 * communicator.size, torch.float64)
    for skipping in ([], [0], list(range(communicator.size)), [0], []):
        model.zero_grad(set_to_none=True)
        alone.zero_grad(set_to_none=True)
        part = slice(4 * communicator.rank, 4 * communicator.rank + 4)
        outputs = reducer.module(inputs[part], skip=communicator.rank in skipping)
        reducer.backward(functional.mse_loss(outputs, targets[part]))
        for number in range(communicator.size):
            part = slice(4 * number, 4 * number + 4)
            loss = functional.mse_loss(alone(inputs[part], skip=number in skipping), targets[part])
            (loss / communicator.size).backward()
        expected = [
            torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            for parameter in alone.parameters()
        ]
        assert_close(gradients(model), expected, rtol=1e-12, atol=1e-15)


def frozen_parameter(communicator: Communicator) -> None:
    model = seeded(Perceptron, 7)
    model.first.weight.requires_grad_(False)
    reducer = communicator.reducer(model, DEVICE)
    reducer.backward(reducer.module(samples(4)[0]).square().mean())
    assert model.first.weight.grad is None
    assert model.last.weight.grad is not None


def raised_flag_is_seen_by_all_in_the_same_step(communicator: Communicator) -> None:
    """Also in the first steps, when buckets are laid out, and beside the gradients of several micro-batches."""
    model = seeded(Perceptron, 8)
    reducer = communicator.reducer(model, DEVICE, bucket_bytes=SMALL_BUCKETS)
    inputs, targets = samples(4)
    raising = {0: 0, 3: communicator.size - 1, 4: 0}
    seen, found = [], []
    for step in range(7):
        model.zero_grad(set_to_none=True)
        reducer.flag_raised = raising.get(step) == communicator.rank
        for last in (False, True):
            reducer.backward(functional.mse_loss(reducer.module(inputs), targets) / 2, last)
        seen.append(reducer.flag_seen)
        found.append(gradients(model))
    assert seen == [step in raising for step in range(7)]
    for later in found[1:]:
        assert_close(later, found[0], rtol=0, atol=0)
