"""Checks of what is gathered or summed: rows, arrays, texts, counts."""

from __future__ import annotations

import numpy as np
import torch

from conformance.models import DEVICE
from workloads.runtime.communicators import Communicator
from workloads.runtime.procedures.evaluation import rows_of_all
from workloads.runtime.task import Arrays


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
