"""Checks of a world's size, and of who waits for whom."""

from __future__ import annotations

import time

import numpy as np

from conformance.models import DEVICE, Perceptron, samples, seeded
from workloads.runtime.communicators import Communicator, WorldSizeError

SLEEP_S = 0.2


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
