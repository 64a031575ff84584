"""What every rank runs in the conformance suite: each check in turn, and a report of each.

``python conformance_program.py COMMUNICATOR REPORT_FOLDER``, started by mpirun; the environment's CONFORMANCE_DEVICE
says where the models are. Rank r leaves rank-r.json: for each
check null or what went wrong. A check talks first and judges afterwards, so that one that fails leaves no rank
waiting; should one wait all the same, the suite's timeout ends it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from toys import Adversarial, train, trainer_of

from workloads.runtime.communicators import Communicator, GradientReducer, Timings, WorldSizeError, join
from workloads.runtime.communicators.buckets import FlatReducer
from workloads.runtime.procedures.evaluation import rows_of_all
from workloads.runtime.procedures.players import Share, in_turn
from workloads.runtime.task import Arrays, Step

DEVICE = torch.device(os.environ.get("CONFORMANCE_DEVICE", "cpu"))
SMALL_BUCKETS = 2048
"""Bytes: small enough that the little models here fill several buckets."""
ABORT_CODE = 7
SLEEP_S = 0.2

Check = Callable[[Communicator], None]
Model = TypeVar("Model", bound=nn.Module)


def channels_last(model: nn.Module) -> nn.Module:
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return model


class Perceptron(nn.Module):
    """Two hidden layers, and a branch that ``skip`` leaves out of the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 40)
        self.branch = nn.Linear(40, 40)
        self.last = nn.Linear(40, 3)

    def forward(self, inputs: Tensor, skip: bool = False) -> Tensor:
        hidden = torch.tanh(self.first(inputs))
        if not skip:
            hidden = hidden + torch.tanh(self.branch(hidden))
        outputs: Tensor = self.last(hidden)
        return outputs


def seeded(build: Callable[[], Model], seed: int) -> Model:
    """A model that is the same on every device."""
    torch.manual_seed(seed)
    return build().to(DEVICE)


def samples(count: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """The same inputs (n, 6) and targets (n, 3) on every rank."""
    generator = torch.Generator().manual_seed(11)
    inputs = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    targets = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    return inputs.to(DEVICE, dtype), targets.to(DEVICE, dtype)


def gradients(model: nn.Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


def assert_close(found: list[Tensor], expected: list[Tensor], rtol: float, atol: float) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=rtol, atol=atol)


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


def everywhere_alike(communicator: Communicator, tensors: list[Tensor]) -> bool:
    """On rank 0 whether all ranks hold the same numbers; True elsewhere."""
    # An optimiser's step count may be in host memory while its parameters are not.
    flat = torch.cat([tensor.detach().double().reshape(-1).cpu() for tensor in tensors])
    gathered = communicator.gather(flat.numpy())
    return gathered is None or bool((gathered == gathered[0]).all())


# --- the checks, in the order in which they run -------------------------------------------------------------------


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


def rows_of_an_evaluation(communicator: Communicator) -> None:
    """Ranks with 0, 1, 2, … samples: rank 0 gets all rows in order, the rank without any knows of no array."""
    rank, size = communicator.rank, communicator.size
    rows: Arrays = {"codes": np.full((rank, 3), rank, np.float32), "labels": np.arange(rank)} if rank else {}
    found, nothing = rows_of_all(rows, communicator), rows_of_all({}, communicator)
    if rank:
        assert found is None and nothing is None
        return
    assert found is not None and nothing == {}
    order = [other for other in range(size) for _ in range(other)]
    assert found["codes"].dtype == np.float32 and found["codes"].tolist() == [[other] * 3 for other in order]
    assert found["labels"].tolist() == [place for other in range(size) for place in range(other)]


def rows_of_all_ranks(communicator: Communicator) -> None:
    """Ranks with 0, 1, 2, … rows: all rows in order, with the gradient of the ranks' mean loss, twice over."""
    rank, size = communicator.rank, communicator.size
    total = size * (size - 1) // 2
    whole = torch.linspace(-1, 1, 2 * total, dtype=torch.float64).reshape(total, 2).to(DEVICE)
    start = rank * (rank - 1) // 2
    rows = whole[start : start + rank].clone().requires_grad_()
    everyone = communicator.gather_rows(rows)
    # Each rank's loss weighs all rows, by a number of its own.
    loss = (rank + 1) * (everyone**4).sum()
    (first,) = torch.autograd.grad(loss, rows, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), rows)
    labels = communicator.gather_rows(torch.full((rank,), rank, device=DEVICE))
    half = communicator.gather_rows(rows.detach().bfloat16())
    weights = size * (size + 1) / 2
    assert torch.equal(everyone.detach(), whole)
    torch.testing.assert_close(first.detach(), 4 * weights * rows.detach() ** 3)
    torch.testing.assert_close(second, 12 * weights * rows.detach() ** 2)
    assert labels.tolist() == [other for other in range(size) for _ in range(other)]
    assert half.dtype == torch.bfloat16 and torch.equal(half, whole.bfloat16())


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


def gather_of_arrays(communicator: Communicator) -> None:
    rank, size = communicator.rank, communicator.size
    steps = np.arange(1000, dtype=np.float32) + 1000 * rank
    arrays: list[np.ndarray] = [
        steps,
        np.full((2, 3), 2**60 + rank, np.int64),
        np.array([rank % 2 == 0, True]),
        np.full(5, 200 + rank, np.uint8),
        np.zeros((0, 2), np.float64),
        np.array(float(rank)),
        np.arange(6.0).reshape(2, 3).T + rank,
    ]
    answers = [communicator.gather(array) for array in arrays]
    if rank != 0:
        assert all(answer is None for answer in answers)
        return
    gathered = [answer for answer in answers if answer is not None]
    for array, found in zip(arrays, gathered, strict=True):
        assert found.dtype == array.dtype and found.shape == (size, *array.shape)
    assert (gathered[0] == np.arange(1000 * size, dtype=np.float32).reshape(size, 1000)).all()
    for other in range(size):
        assert (gathered[1][other] == 2**60 + other).all()
        assert gathered[2][other].tolist() == [other % 2 == 0, True]
        assert (gathered[3][other] == 200 + other).all()
        assert gathered[5][other] == other
        assert (gathered[6][other] == np.arange(6.0).reshape(2, 3).T + other).all()


def gather_of_texts(communicator: Communicator) -> None:
    texts = ["", "Ångström ✓ 原子\n", "a\0b\0", "x" * 5000]
    found = communicator.gather_text(texts[communicator.rank % 4])
    nothing = communicator.gather_text("")
    if communicator.rank == 0:
        assert found == [texts[rank % 4] for rank in range(communicator.size)]
        assert nothing == [""] * communicator.size
    else:
        assert found is None and nothing is None
    assert communicator.broadcast_text(texts[communicator.rank % 4], root=1) == texts[1]


def sum_of_counts(communicator: Communicator) -> None:
    """Confusion matrices: exact, also beyond what float64 can count."""
    size = communicator.size
    matrix = np.arange(9, dtype=np.int64).reshape(3, 3) + 2**54 + 1
    before = matrix.copy()
    total = communicator.sum(matrix.T)
    assert total.dtype == np.int64 and (total == size * before.T).all() and (matrix == before).all()
    real = communicator.sum(np.array([0.1, 1e300]) * (communicator.rank + 1))
    np.testing.assert_allclose(real, np.array([0.1, 1e300]) * size * (size + 1) / 2, rtol=1e-15)
    assert communicator.sum(np.ones((2, 2), np.float32)).dtype == np.float32
    assert communicator.sum(np.float64(1.5) * np.ones(())).item() == 1.5 * size


def mean_of_buffers(communicator: Communicator) -> None:
    model = nn.BatchNorm2d(4).to(DEVICE)
    assert model.running_mean is not None and model.running_var is not None
    model.running_mean.fill_(float(communicator.rank))
    model.running_var.fill_(2.0 * communicator.rank)
    communicator.mean_buffers(model)
    middle = (communicator.size - 1) / 2
    assert model.running_mean.tolist() == [middle] * 4
    assert model.running_var.tolist() == [2 * middle] * 4


def wrong_world_is_refused(communicator: Communicator) -> None:
    communicator.check_world(communicator.size)
    try:
        communicator.check_world(communicator.size + 1)
    except WorldSizeError as error:
        assert str(communicator.size + 1) in str(error)
    else:
        raise AssertionError("a world of the wrong size was accepted")


def slow_rank_is_not_the_one_that_waits(communicator: Communicator) -> None:
    """Rank 0 sleeps in its forward pass: the others wait for it, and it waits for nobody."""
    model = seeded(Perceptron, 1)
    reducer = communicator.reducer(model, DEVICE)
    inputs, _ = samples(4)
    waits = []
    for _ in range(4):
        communicator.barrier()
        model.zero_grad()
        outputs = reducer.module(inputs)
        if communicator.rank == 0:
            time.sleep(SLEEP_S)
        begin = time.perf_counter()
        reducer.backward(outputs.square().mean())
        assert begin < reducer.timings.gradients_ready <= reducer.timings.gradients_averaged <= time.perf_counter()
        waits.append(reducer.timings.waited)
    waited = float(np.median(waits))
    if communicator.rank == 0:
        assert waited < SLEEP_S / 2, f"the slow rank reports {waits} s of waiting"
    else:
        assert waited > SLEEP_S / 2, f"a fast rank reports {waits} s of waiting"


CHECKS: dict[str, Callable[[Communicator], object]] = {
    check.__name__: check
    for check in (
        same_initial_state,
        broadcast_of_every_type,
        broadcast_of_optimizer_state,
        gradients_of_the_global_batch_float32,
        gradients_of_the_global_batch_float64,
        gradients_of_half_precision,
        compressed_gradients_are_close,
        gradients_of_mixed_types,
        uneven_last_batch,
        gradient_accumulation,
        gradients_zeroed_in_place,
        channels_last_keeps_its_strides,
        unused_parameter,
        frozen_parameter,
        raised_flag_is_seen_by_all_in_the_same_step,
        five_steps_of_training,
        rows_of_all_ranks,
        training_of_coupled,
        training_of_derivatives,
        training_of_adversarial,
        training_of_second_order,
        training_of_tokens,
        rows_of_an_evaluation,
        resting_player_neither_moves_nor_sends,
        gather_of_arrays,
        gather_of_texts,
        sum_of_counts,
        mean_of_buffers,
        wrong_world_is_refused,
        slow_rank_is_not_the_one_that_waits,
    )
}


@contextmanager
def reported(report: Path, content: dict[str, object]) -> Iterator[None]:
    """Write the report afterwards, whatever happens."""
    try:
        yield
    finally:
        report.write_text(json.dumps(content))


def main(name: str, folder: Path) -> None:
    """Run all checks. Two ranks then end by abort of the last one, any other number in order."""
    torch.set_num_threads(1)
    communicator = join(name)
    results: dict[str, str | None] = {}
    content: dict[str, object] = {"size": communicator.size, "checks": results}
    with reported(folder / f"rank-{communicator.rank}.json", content):
        for check_name, check in CHECKS.items():
            try:
                answer = check(communicator)
                results[check_name] = None
                if answer is not None:
                    content[check_name] = answer
            except Exception:
                results[check_name] = traceback.format_exc()
            communicator.barrier()
        content["ended"] = time.time()
    if communicator.size != 2:
        communicator.close()
    elif communicator.rank == 1:
        communicator.abort(ABORT_CODE)
    else:
        communicator.barrier()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
