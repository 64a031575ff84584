"""The loader reads ahead, keeps the order, and passes errors on."""

import threading

import numpy as np
import pytest
import torch
from accelerators import needs_accelerator

from workloads.runtime.loader import DEPTH, Loader
from workloads.runtime.task import Arrays


class Squares:
    """Samples whose value is their index squared."""

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken
        self.reads = 0
        self.threads: set[str] = set()

    def __len__(self) -> int:
        return 100

    def read(self, indices: np.ndarray, out: Arrays | None = None) -> Arrays:
        self.reads += 1
        self.threads.add(threading.current_thread().name)
        if self.broken is not None and self.broken in indices:
            raise OSError("the file is damaged")
        if out is None:
            return {"x": indices.astype(np.float32) ** 2}
        out["x"][: len(indices)] = indices**2
        return {"x": out["x"][: len(indices)]}


REQUESTS = [np.arange(start, min(start + 8, 43)) for start in range(0, 43, 8)]


def test_batches_come_in_order_and_whole() -> None:
    loader = Loader(Squares(), largest=8)
    for _ in range(2):
        seen = [batch["x"].copy() for batch in loader.iterate(REQUESTS)]
        np.testing.assert_array_equal(np.concatenate(seen), np.arange(43) ** 2)


def test_reading_happens_ahead_in_a_thread_of_its_own() -> None:
    samples = Squares()
    batches = Loader(samples, largest=8).iterate(REQUESTS)
    next(batches)
    for _ in range(1000):
        if samples.reads == 1 + DEPTH:
            break
        threading.Event().wait(0.001)
    assert samples.reads == 1 + DEPTH
    assert "loader" in samples.threads
    batches.close()


def test_an_error_while_reading_reaches_the_training_loop() -> None:
    batches = Loader(Squares(broken=20), largest=8).iterate(REQUESTS)
    with pytest.raises(OSError, match="damaged"):
        list(batches)


def test_stopping_early_ends_the_thread() -> None:
    before = threading.active_count()
    batches = Loader(Squares(), largest=8).iterate(REQUESTS)
    next(batches)
    batches.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda:0", marks=needs_accelerator)])
def test_a_device_that_lags_behind_gets_each_batch_as_it_was_read(device: str) -> None:
    place = torch.device(device)
    kept = []
    loader = Loader(Squares(), largest=8, pin=place.type == "cuda")
    for batch in loader.on_device(REQUESTS, place):
        kept.append(batch["x"].clone())
        if place.type == "cuda":
            torch.cuda._sleep(100_000_000)  # cycles: the next batch is read long before it can be taken
    np.testing.assert_array_equal(torch.cat(kept).cpu().numpy(), np.arange(43) ** 2)
